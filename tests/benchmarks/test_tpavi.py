"""The benchmark of TPAVI on a tiny clip: both sides compute the same, and the report says so."""

import pytest


@pytest.fixture
def benchmark(import_benchmark):
    return import_benchmark('tpavi')


@pytest.mark.slow
def test_both_sides_agree_and_are_reported(benchmark) -> None:
    measured = {form: benchmark.measure(form, 32, 1) for form in benchmark.FORMS}
    for kind in ('forward', 'training'):
        published, ours = (measured[form][kind]['result'] for form in benchmark.FORMS)
        assert ours == pytest.approx(published, rel=1e-4)
        assert all(side[kind]['seconds'] > 0 for side in measured.values())
        assert all(side[kind]['peak'] > 100 for side in measured.values())


def test_report_gives_ratios(benchmark) -> None:
    def side(seconds: float, peak: float) -> dict:
        run = {'seconds': seconds, 'peak': peak, 'result': 2.0}
        return {'loaded': 100.0, 'forward': run, 'training': run}

    sides = {'published': side(3.0, 1100.0), 'ours': side(1.5, 600.0)}
    report = '\n'.join(benchmark.compare(sides, sides))
    assert '2.00 times faster' in report
    assert '0.55 of it' in report  # peak
    assert '0.50 of it' in report  # peak above the loaded model
