"""The comparison of methods gives all of them the same data, backbone, batch and schedule."""

import pytest


@pytest.fixture
def benchmark(import_benchmark):
    return import_benchmark('method_comparison')


def test_all_stages_have_the_budget_and_backbone_of_the_demo(benchmark, tmp_path) -> None:
    run = benchmark.Run('instances', 'AVISM', 7, 60, tmp_path / 'data', tmp_path)
    configs = [
        benchmark.stage_config(path, run, 60, None)
        for stages in benchmark.load_task('instances').METHODS.values()
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


def test_segmentation_models_have_the_budget_of_the_demo(benchmark, tmp_path) -> None:
    run = benchmark.Run('segmentation', 'TPAVI', 7, 60, tmp_path / 'data', tmp_path)
    configs = [
        benchmark.stage_config(path, run, 60, None)
        for (path,) in benchmark.load_task('segmentation').METHODS.values()
    ]
    settings = [
        (
            config.train_dataloader.batch_size,
            config.train_dataloader.dataset.data_root,
            str(config.optim_wrapper),
            str(config.param_scheduler),
            str(config.train_cfg),
            config.randomness.seed,
        )
        for config in configs
    ]
    assert len(settings) == 4
    assert all(setting == settings[0] for setting in settings)
    assert configs[0].train_cfg.max_iters == configs[0].param_scheduler[-1].end == 60


def test_exchanged_audio_is_that_of_the_next_clip(benchmark, tmp_path) -> None:
    for name in 'cab':
        (tmp_path / f'{name}.wav').touch()
    step = benchmark.load_task('segmentation').ExchangeAudio()
    others = [step.transform({'audio': f'{tmp_path}/{name}.wav'})['audio'][-5] for name in 'abc']
    assert others == ['b', 'c', 'a']


def test_table_has_means_and_deviations_over_the_seeds(benchmark, tmp_path) -> None:
    def scores(value: float) -> dict[str, float]:
        return dict.fromkeys('abcde', value)

    runs = [
        benchmark.Run('instances', name, seed, 4, tmp_path, tmp_path)
        for name in 'XY'
        for seed in (0, 1)
    ]
    results = [
        {'with audio': scores(40.0), 'muted': scores(1.0)},
        {'with audio': scores(42.0), 'muted': scores(1.0)},
        {'no audio': scores(5.0)},
        {'no audio': scores(5.0)},
    ]
    table = benchmark.format_table(dict(zip(runs, results, strict=True)), 'abcde')
    rows = table.splitlines()
    assert rows[2] == '| X | with audio |' + ' 41.0 ± 1.4 |' * 5
    assert rows[3] == '| X | muted |' + ' 1.0 ± 0.0 |' * 5
    assert rows[4] == '| Y | no audio |' + ' 5.0 ± 0.0 |' * 5
