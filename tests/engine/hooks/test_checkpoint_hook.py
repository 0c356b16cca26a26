"""A complete checkpoint exists at every moment; broken weights are not written."""

import copy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import MessageHub, MMLogger

from avis.engine.atomic_backend import AtomicBackend
from avis.engine.hooks.checkpoint_hook import AtomicCheckpointHook
from avis.engine.resume import is_complete


class FakeRunner(SimpleNamespace):
    """The part of a runner that the hook uses; ``seen`` lists the files at each write."""

    def __init__(self, folder: Path) -> None:
        hub = MessageHub.get_instance(f'hub of {folder}')
        logger = MMLogger.get_instance(f'logger of {folder}')
        super().__init__(work_dir=str(folder), epoch=0, iter=0, message_hub=hub, logger=logger)
        self.model = torch.nn.Linear(2, 1)
        self.optim_wrapper = self.param_schedulers = None
        self.seen: list[set[str]] = []

    def save_checkpoint(self, out_dir, filename, backend_args=None, **options) -> None:
        self.seen.append({path.name for path in Path(out_dir).glob('*.pth')})
        from mmengine.runner import save_checkpoint

        content = {'state_dict': copy.deepcopy(self.model.state_dict())}
        save_checkpoint(content, str(Path(out_dir, filename)), backend_args=backend_args)


@pytest.fixture
def runner(tmp_path: Path) -> FakeRunner:
    return FakeRunner(tmp_path)


def run_epochs(hook, runner, scores) -> None:
    hook.before_train(runner)
    for epoch, score in enumerate(scores):
        runner.epoch = epoch
        hook.after_train_epoch(runner)
        runner.epoch += 1
        hook.after_val_epoch(runner, {'avs/miou': score})


def files(runner) -> set[str]:
    return {path.name for path in Path(runner.work_dir).iterdir()}


def test_older_checkpoint_is_removed_after_the_newer_one_is_complete(runner) -> None:
    hook = AtomicCheckpointHook(interval=1, max_keep_ckpts=1)
    run_epochs(hook, runner, [0.1, 0.1, 0.1])
    assert files(runner) == {'epoch_3.pth', 'last_checkpoint'}
    assert runner.seen == [set(), {'epoch_1.pth'}, {'epoch_2.pth'}]
    last = Path(runner.work_dir, 'last_checkpoint').read_text()
    assert Path(last) == Path(runner.work_dir, 'epoch_3.pth')
    assert is_complete(Path(last))


def test_best_checkpoint_is_removed_after_the_better_one_is_complete(runner) -> None:
    hook = AtomicCheckpointHook(interval=1, max_keep_ckpts=2, save_best='avs/miou', rule='greater')
    run_epochs(hook, runner, [0.1, 0.3, 0.2])
    assert files(runner) == {
        'best_avs_miou_epoch_2.pth',
        'epoch_2.pth',
        'epoch_3.pth',
        'last_checkpoint',
    }
    # While all files of epoch 2 were written, the best of epoch 1 was still there.
    assert all('best_avs_miou_epoch_1.pth' in seen for seen in runner.seen[3:6])


def test_best_checkpoint_written_again_is_kept(runner) -> None:
    hook = AtomicCheckpointHook(interval=1, save_best='avs/miou', rule='greater')
    run_epochs(hook, runner, [0.1])
    hook.after_val_epoch(runner, {'avs/miou': 0.2})
    assert 'best_avs_miou_epoch_1.pth' in files(runner)


def test_temporary_files_of_a_killed_run_are_removed(runner) -> None:
    killed = subprocess.Popen([sys.executable, '-c', ''])
    killed.wait()
    Path(runner.work_dir, f'epoch_1.pth.{killed.pid}.part').write_bytes(b'half')
    AtomicCheckpointHook(interval=1).before_train(runner)
    assert files(runner) == set()


@pytest.mark.parametrize(
    ('max_keep', 'replaced'), [(1, 'epoch_1.pth'), (2, 'best_avs_miou_epoch_1.pth')]
)
def test_replaced_checkpoint_of_a_killed_run_is_removed(
    runner, monkeypatch, max_keep: int, replaced: str
) -> None:
    options = {'interval': 1, 'max_keep_ckpts': max_keep}
    options |= {'save_best': 'avs/miou', 'rule': 'greater'}

    def killed(*args) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(AtomicBackend, 'remove', killed)
        with pytest.raises(KeyboardInterrupt):
            run_epochs(AtomicCheckpointHook(**options), runner, [0.1, 0.3])
    before = files(runner)
    AtomicCheckpointHook(**options).before_train(runner)
    assert before - files(runner) == {replaced}


@pytest.mark.parametrize('value', [float('nan'), float('-inf')])
def test_broken_weights_are_not_written(runner, value: float) -> None:
    hook = AtomicCheckpointHook(interval=1)
    run_epochs(hook, runner, [0.1])
    before = Path(runner.work_dir, 'epoch_1.pth').read_bytes()
    runner.model.bias.data.fill_(value)
    runner.epoch = 0
    with pytest.raises(FloatingPointError, match='bias became NaN or infinite'):
        hook.after_train_epoch(runner)
    assert Path(runner.work_dir, 'epoch_1.pth').read_bytes() == before


def test_missing_metric_is_named(runner) -> None:
    hook = AtomicCheckpointHook(interval=1, save_best='avss/miou', rule='greater')
    hook.before_train(runner)
    with pytest.raises(ValueError, match=r"'avss/miou', but the validation reports \['avs/miou'\]"):
        hook.after_val_epoch(runner, {'avs/miou': 0.1})


def test_explicit_file_backend_is_kept(runner) -> None:
    hook = AtomicCheckpointHook(interval=1, backend_args={'backend': 'local'})
    hook.before_train(runner)
    assert hook.backend_args == {'backend': 'local'}


def test_resumed_checkpoint_removes_no_other_files(runner, tmp_path: Path) -> None:
    outside, config = tmp_path.parent / f'{tmp_path.name}.pth', Path(runner.work_dir) / 'config.py'
    outside.touch()
    config.touch()
    runner.message_hub.update_info('outdated_ckpts', [f'../{outside.name}', config.name])
    AtomicCheckpointHook(interval=1).before_train(runner)
    assert outside.exists()
    assert config.exists()
