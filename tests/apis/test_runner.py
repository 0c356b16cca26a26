"""Training and testing a config in one process; tests/tools runs several processes."""

import json
import math
import os
import pickle
import re
import shutil
from pathlib import Path

import pytest
import torch

from avis.apis.runner import dump_metric, setup_launcher, train
from avis.apis.runner import test as run_test
from avis.utils.compat.checkpoint_loading import load_file
from tests.helpers.runs import TINY_CONFIG, cut_off, loss_curve, own_name, train_tiny
from tests.helpers.tiny import CutOff, TinyMetric


@pytest.fixture(scope='module')
def trained(tmp_path_factory) -> Path:
    """The work folder of one whole run."""
    work_dir = tmp_path_factory.mktemp('trained')
    train_tiny(work_dir)
    return work_dir


def test_run_writes_everything_needed_to_repeat_it(trained: Path) -> None:
    log = next(trained.glob('*/*.log')).read_text()
    for text in (
        'Seed 123, 1 process(es)',
        'Effective batch 4 = 4 per process x 1 process(es) x 1 accumulated; the config is for 4',
        'Versions: avis 0.',
        'train_cfg = dict(',
        'Training summary',
        'best ckpt',
    ):
        assert text in log
    assert 'scores will differ' not in log
    assert list(trained.glob('*/vis_data/events.out.tfevents.*'))
    assert (trained / 'tiny.py').is_file()
    curve = loss_curve(trained)
    assert list(curve) == list(range(1, 25))
    assert curve[24] < curve[2] - 0.05
    meta = load_file(trained / 'epoch_6.pth')['meta']
    assert {'torch', 'mmdet', 'avis'} <= set(meta['versions'])
    assert (meta['epoch'], meta['iter'], meta['seed']) == (6, 24, 123)
    kept = {path.name for path in trained.glob('epoch_*')}
    assert kept == {'epoch_4.pth', 'epoch_5.pth', 'epoch_6.pth'}


def test_output_without_a_terminal_is_plain(tmp_path: Path, capsys) -> None:
    train_tiny(tmp_path, options={'train_cfg.max_epochs': 1})
    printed = capsys.readouterr().out
    assert 'Epoch(train)' in printed
    assert 'best score' in printed
    assert re.search(r'conv \(Conv2d\) +0\.000 M +trained\nall \(TinyModel\)', printed)
    assert '\x1b' not in printed


def test_other_effective_batch_is_a_warning_unless_it_is_scaled(tmp_path: Path) -> None:
    options = {'train_cfg.max_epochs': 1, 'optim_wrapper.accumulative_counts': 2}
    for name, scaled in (('plain', False), ('scaled', True)):
        train_tiny(tmp_path / name, options=options, auto_scale_lr=scaled)
        log = next(tmp_path.glob(f'{name}/*/*.log')).read_text()
        assert 'Effective batch 8 = 4 per process' in log
        warning = 'The effective batch is 8, but learning rate and length of this config are'
        assert (warning in log) is not scaled
        assert ('For 4: train_dataloader.batch_size=2; or scale' in log) is not scaled


@pytest.fixture(scope='module')
def with_dropout(tmp_path_factory) -> tuple[dict[int, float], Path]:
    """The curve of a whole run, and the folder of the same run interrupted in epoch 5.

    Dropout and augmentation are on, and the learning rate drops after epochs 2 and 4.
    """
    work_dir, options = tmp_path_factory.mktemp('with_dropout'), {'model.dropout': 0.3}
    train_tiny(work_dir / 'whole', options=options)
    cut_off(work_dir / 'broken', 18, options=options)
    return loss_curve(work_dir / 'whole'), work_dir / 'broken'


@pytest.mark.parametrize('how', ['auto', 'path', 'truncated'])
def test_resumed_run_equals_an_uninterrupted_one(trained, with_dropout, tmp_path, how) -> None:
    whole, broken = with_dropout[0], tmp_path / 'broken'
    shutil.copytree(with_dropout[1], broken)
    if how == 'truncated':
        latest = broken / 'epoch_4.pth'
        latest.write_bytes(latest.read_bytes()[:-50])
    resume = broken / 'epoch_3.pth' if how == 'path' else 'auto'
    runner = train_tiny(broken, options={'model.dropout': 0.3}, resume=resume)
    resumed = loss_curve(broken)
    assert whole.keys() == resumed.keys()
    assert max(abs(whole[i] - resumed[i]) for i in whole) < 1e-6
    assert max(abs(whole[i] - loss) for i, loss in loss_curve(trained).items()) > 1e-3
    assert runner.optim_wrapper.get_lr()['lr'][0] == pytest.approx(1e-3)
    logs = ''.join(path.read_text() for path in broken.glob('*/*.log'))
    assert ('epoch_4.pth is missing, truncated or damaged' in logs) == (how == 'truncated')


def test_run_that_ended_in_a_validation_finds_its_best_weights(
    trained: Path, tmp_path: Path, monkeypatch
) -> None:
    best = next(trained.glob('best_*.pth')).stem
    scores: list[dict] = []

    def compute(self, results: list, compute=TinyMetric.compute_metrics) -> dict:
        scores.append(compute(self, results))
        if best.endswith(f'_{len(scores)}'):
            raise CutOff
        return scores[-1]

    with monkeypatch.context() as patch:
        patch.setattr(TinyMetric, 'compute_metrics', compute)
        with pytest.raises(CutOff):
            train_tiny(tmp_path)
    train_tiny(tmp_path, resume='auto')
    assert {path.name for path in tmp_path.glob('*.pth')} == {
        path.name for path in trained.glob('*.pth')
    }


def test_resumed_run_keeps_its_random_seed(tmp_path: Path) -> None:
    options = {'randomness.seed': None, 'train_cfg.max_epochs': 1}
    first = train_tiny(tmp_path, options=options)
    second = train_tiny(tmp_path, options={**options, 'train_cfg.max_epochs': 2}, resume='auto')
    assert first.seed == second.seed == second.train_dataloader.sampler.seed


def test_resuming_an_empty_folder_starts_a_new_run(tmp_path: Path) -> None:
    train_tiny(tmp_path, options={'train_cfg.max_epochs': 1}, resume='auto')
    assert len(loss_curve(tmp_path)) == 4


def test_resuming_from_weights_alone_is_an_error(tmp_path: Path) -> None:
    torch.save({'state_dict': {'conv.bias': torch.zeros(1)}}, tmp_path / 'weights.pth')
    with pytest.raises(ValueError, match=r'weights\.pth contains weights but not .*load_from='):
        train_tiny(tmp_path, resume=tmp_path / 'weights.pth')


def test_resuming_another_model_is_an_error(trained: Path, tmp_path: Path) -> None:
    checkpoint = load_file(trained / 'epoch_6.pth')
    checkpoint['state_dict']['head.weight'] = checkpoint['state_dict'].pop('conv.weight')
    torch.save(checkpoint, tmp_path / 'other.pth')
    with pytest.raises(ValueError, match=r'other\.pth does not fit TinyModel: .*conv\.weight'):
        train_tiny(tmp_path, resume=tmp_path / 'other.pth')


def test_initial_weights_without_a_common_entry_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / 'start.pth'
    torch.save({'conv.bias': torch.full((1,), 4.0)}, path)
    options = {'train_cfg.max_epochs': 1, 'load_from': str(path)}
    runner = train_tiny(tmp_path / 'run', options={**options, 'optim_wrapper.optimizer.lr': 0.0})
    assert runner.model.conv.bias.item() == 4.0
    torch.save({'stem.bias': torch.zeros(1), 'conv.bias': torch.zeros(2)}, path)
    with pytest.raises(ValueError, match=r"none of its 2 tensors fits .*'stem\.bias'"):
        train_tiny(tmp_path / 'run', options=options)


def test_mixed_precision_trains(trained: Path, tmp_path: Path) -> None:
    train_tiny(tmp_path, amp=True, options={'train_cfg.max_epochs': 1})
    exact, mixed = loss_curve(trained), loss_curve(tmp_path)
    differences = [abs(exact[i] - mixed[i]) for i in mixed]
    assert 1e-5 < max(differences) < 0.05
    log = next(tmp_path.glob('*/*.log')).read_text()
    wrapper = 'AmpOptimWrapper' if torch.cuda.is_available() else 'BFloat16OptimWrapper'
    assert wrapper in log


def test_learning_rate_scales_with_the_batch(tmp_path: Path) -> None:
    options = {'train_cfg.max_epochs': 1, 'train_dataloader.batch_size': 8}
    runner = train_tiny(tmp_path, auto_scale_lr=True, options=options)
    assert runner.optim_wrapper.get_lr()['lr'][0] == pytest.approx(0.2)
    options['optim_wrapper.accumulative_counts'] = 3
    runner = train_tiny(tmp_path, auto_scale_lr=True, options=options)
    assert runner.optim_wrapper.get_lr()['lr'][0] == pytest.approx(0.6)
    with pytest.raises(ValueError, match=r'tiny\.py: --auto-scale-lr needs auto_scale_lr'):
        train_tiny(tmp_path, auto_scale_lr=True, options={'auto_scale_lr': None})


def test_nan_loss_stops_before_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(FloatingPointError, match=r'iteration [1-4] .*loss_seg = nan.*clip/5'):
        train_tiny(tmp_path, options={'model.poison': 5})
    assert not list(tmp_path.glob('*.pth'))


def test_data_loader_workers_do_not_change_the_curve(trained: Path, tmp_path: Path) -> None:
    options = {'train_cfg.max_epochs': 2, 'train_dataloader.num_workers': 2}
    train_tiny(tmp_path, options={**options, 'train_dataloader.persistent_workers': True})
    whole = loss_curve(trained)
    assert all(abs(whole[i] - loss) < 1e-6 for i, loss in loss_curve(tmp_path).items())


def test_iteration_based_loops_resume_as_well(tmp_path: Path) -> None:
    config, options = TINY_CONFIG.with_name('tiny_iters.py'), {'model.dropout': 0.3}
    train_tiny(tmp_path / 'whole', config=config, options=options)
    broken = tmp_path / 'broken'
    cut_off(broken, 7, config=config, options=options)
    train_tiny(broken, config=config, options=options, resume='auto')
    whole, resumed = loss_curve(tmp_path / 'whole'), loss_curve(broken)
    assert len(whole) == 9
    assert resumed == pytest.approx(whole, abs=1e-6)


def test_checkpoint_has_the_score_of_its_validation(trained: Path, tmp_path: Path) -> None:
    checkpoint = next(trained.glob('best_*.pth'))
    best = load_file(checkpoint)['message_hub']['runtime_info']['best_score']
    metrics = run_test(
        TINY_CONFIG,
        checkpoint,
        work_dir=tmp_path,
        out=tmp_path / 'pred.json',
        show_dir=tmp_path / 'images',
        cfg_options=own_name(),
    )
    assert metrics['avs/miou'] == pytest.approx(best, abs=1e-6)
    assert [clip['video_id'] for clip in json.loads((tmp_path / 'pred.json').read_text())] == [
        0,
        1,
        2,
    ]
    drawn = sorted(path.name for path in (tmp_path / 'images').iterdir())
    expected = [(f'clip_{i}', kind) for i in range(3) for kind in ('mp4', 'png')]
    assert [(name.split('-')[0], name.split('.')[-1]) for name in drawn] == expected
    log = next(tmp_path.glob('*/*.log')).read_text()
    assert re.search(r'Test summary\n  avs/miou: 0\.\d{4}', log)
    assert 'Effective batch 1 = 1 per process' in log


def test_random_weights_are_tested_and_predictions_pickled(tmp_path: Path) -> None:
    metrics = run_test(
        TINY_CONFIG, None, work_dir=tmp_path, out=tmp_path / 'p.pkl', cfg_options=own_name()
    )
    assert math.isfinite(metrics['avs/miou'])
    clips = pickle.loads((tmp_path / 'p.pkl').read_bytes())
    assert clips[0]['pred_sem_seg']['sem_seg'].shape == (2, 8, 8)
    assert 'random weights' in next(tmp_path.glob('*/*.log')).read_text()
    with pytest.raises(ValueError, match=r'must end with \.pkl or \.json'):
        dump_metric(Path('predictions.txt'))


def test_checkpoint_of_another_model_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / 'other.pth'
    torch.save({'state_dict': {'conv.weight': torch.zeros(1, 3, 5, 5)}}, path)
    pattern = r'other\.pth does not fit TinyModel: 1 keys of another shape .*1 keys missing'
    with pytest.raises(ValueError, match=pattern):
        run_test(TINY_CONFIG, path, work_dir=tmp_path, cfg_options=own_name())


def test_work_folder_is_named_after_the_config(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    train(TINY_CONFIG, cfg_options={**own_name(), 'train_cfg.max_epochs': 1})
    assert (tmp_path / 'work_dirs' / 'tiny' / 'epoch_1.pth').is_file()


def test_local_rank_of_mpi_is_used(monkeypatch) -> None:
    monkeypatch.setenv('OMPI_COMM_WORLD_LOCAL_RANK', '3')
    monkeypatch.setenv('LOCAL_RANK', '0')  # the default of the tools
    setup_launcher('mpi')
    assert os.environ['LOCAL_RANK'] == '3'
