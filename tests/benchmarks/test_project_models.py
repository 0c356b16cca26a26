"""The benchmark of the methods in projects with small models: both sides compute the same."""

import pytest

FAMILIES = ('vita', 'lbvq', 'cavis', 'h2s', 'acvis', 'avsegformer', 'aavs', 'combo')


@pytest.fixture
def benchmark(import_benchmark):
    return import_benchmark('project_models')


@pytest.mark.slow
@pytest.mark.parametrize('family', FAMILIES)
def test_both_sides_agree(benchmark, family) -> None:
    (method,) = (name for name in benchmark.METHODS if name.startswith(f'{family}_'))
    model = benchmark.Model.make(method, 5, (64, 96), small=True)
    for kind in benchmark.KINDS:
        sides = {
            form: {'seconds': 1.0, 'peak': 1.0, 'result': model.run(kind, form)}
            for form in benchmark.FORMS
        }
        assert 'results agree' in benchmark.compare(kind, sides)[0]


@pytest.mark.slow
def test_video_is_streamed_in_windows(import_benchmark, monkeypatch) -> None:
    streaming = import_benchmark('project_streaming')
    monkeypatch.setattr(streaming, 'WINDOW', 3)
    tracks, peak = streaming.stream('vita_r50', 5)
    assert 0 < tracks <= 20  # ten per window
    assert peak > 100


def test_forms_are_put_in_place_and_taken_away(benchmark) -> None:
    from published_forms import published_forms

    from avis.models.losses.mask_set_loss import MaskSetLoss

    ours = MaskSetLoss.forward
    with published_forms():
        assert MaskSetLoss.forward is not ours
    assert MaskSetLoss.forward is ours
