"""The comparison of methods gives all of them the same data, backbone, batch and schedule."""

import importlib
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / 'benchmarks'


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)  # as if run from there
    return importlib.import_module('method_comparison')


def test_all_stages_have_the_budget_and_backbone_of_the_demo(benchmark, tmp_path) -> None:
    run = benchmark.Run('AVISM', 7, 60, tmp_path / 'data', tmp_path)
    configs = [
        benchmark.stage_config(path, run, 60, None)
        for stages in benchmark.METHODS.values()
        for path in stages
    ]
    backbone = {'type', 'depth', 'base_channels', 'stem_channels', 'norm_cfg'}
    settings = [
        (
            {key: str(config.model.backbone[key]) for key in backbone},
            config.train_dataloader.batch_size,
            config.train_dataloader.dataset.data_root,
            str(config.train_dataloader.dataset.pipeline.sample_frames),
            str(config.optim_wrapper),
            str(config.param_scheduler),
            config.train_cfg.max_iters,
            config.randomness.seed,
        )
        for config in configs
    ]
    assert all(setting == settings[0] for setting in settings)
    assert configs[-1].model.tracker.segmenter_iters == 30


def test_table_has_means_and_deviations_over_the_seeds(benchmark, tmp_path) -> None:
    def scores(value: float) -> dict[str, float]:
        return dict.fromkeys(benchmark.COLUMNS, value)

    runs = [benchmark.Run(name, seed, 4, tmp_path, tmp_path) for name in 'XY' for seed in (0, 1)]
    results = [
        {'with audio': scores(40.0), 'muted': scores(1.0)},
        {'with audio': scores(42.0), 'muted': scores(1.0)},
        {'no audio': scores(5.0)},
        {'no audio': scores(5.0)},
    ]
    rows = benchmark.format_table(dict(zip(runs, results, strict=True))).splitlines()
    assert rows[2] == '| X | with audio |' + ' 41.0 ± 1.4 |' * 5
    assert rows[3] == '| X | muted |' + ' 1.0 ± 0.0 |' * 5
    assert rows[4] == '| Y | no audio |' + ' 5.0 ± 0.0 |' * 5
