"""The benchmark of AVISM on a tiny clip: both sides compute the same, and the report says so."""

import pytest
import torch


@pytest.fixture
def benchmark(import_benchmark):
    return import_benchmark('avism')


@pytest.mark.slow
def test_both_sides_agree(benchmark, monkeypatch) -> None:
    monkeypatch.setattr(benchmark, 'CLIP', 2)
    ours = benchmark.Side.make('ours', 7, 64, 96)
    for loss in (ours.model.frame_head.loss_set, ours.model.tracker.loss_set):
        loss.points = benchmark.FixedPoints(256)
    published = benchmark.Side('published', ours.model, ours.frames, ours.audio, ours.window)
    for kind in benchmark.KINDS:
        results = {side.form: getattr(side, kind)() for side in (ours, published)}
        sides = {
            form: {'seconds': 1.0, 'peak': 1.0, 'result': result}
            for form, result in results.items()
        }
        assert 'results agree' in benchmark.compare(kind, sides)[0]


@pytest.mark.parametrize('length', [1, 5, 6, 9, 16])
@pytest.mark.parametrize('training', [False, True])
def test_no_frame_of_padding_is_ever_read(benchmark, length, training) -> None:
    """Our windows against padding, rolling and masks, for lengths around those of the windows."""
    from published_avism import PublishedClipHead

    from avis.models.decode_heads.avism_clip_head import AVISMClipHead

    torch.manual_seed(0)
    head = AVISMClipHead(
        num_classes=3, channels=16, audio_dim=4, num_queries=5, num_frame_queries=4, num_heads=2
    ).train(training)
    layers = 3 if training else 1
    queries, audio = torch.randn(layers, 1, length, 4, 16), torch.rand(1, length, 4)
    features = torch.randn(1, length, 16, 3, 5)
    ours = head(queries, audio)
    theirs = PublishedClipHead(head)(queries, audio, features)
    close = {'rtol': 0, 'atol': 1e-5}
    for index, layer in enumerate(ours.layers):
        torch.testing.assert_close(layer.class_logits, theirs['class_logits'][index], **close)
        torch.testing.assert_close(layer.mask_embeds, theirs['mask_embeds'][index], **close)
    frame_embeds, clip_embeds = head.similarity_embeds(ours)
    torch.testing.assert_close(frame_embeds, theirs['frame_embeds'], **close)
    torch.testing.assert_close(clip_embeds, theirs['clip_embeds'], **close)


def test_report_gives_ratios_and_refuses_other_results(benchmark) -> None:
    sides = {
        'published': {'seconds': 3.0, 'peak': 1000.0, 'result': [2.0, 5.0]},
        'ours': {'seconds': 1.5, 'peak': 550.0, 'result': [2.0, 5.0]},
    }
    report = '\n'.join(benchmark.compare('clip', sides))
    assert '2.00 times faster' in report
    assert '0.55 of it' in report
    sides['ours']['result'] = [2.0, 5.1]
    with pytest.raises(ValueError, match='clip: 2 results of both sides differ by'):
        benchmark.compare('clip', sides)
    sides['ours']['result'] = sides['published']['result'] = []
    with pytest.raises(ValueError, match='0 results'):
        benchmark.compare('inference', sides)
