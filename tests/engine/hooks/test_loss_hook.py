"""Logged losses are finite, and means over the processes."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import MessageHub

from avis.engine.hooks import loss_hook
from avis.engine.hooks.loss_hook import LossHook, clip_names
from tests.helpers.simulated_device import NAME, simulated_device

RUNNER = SimpleNamespace(iter=11, epoch=2, message_hub=SimpleNamespace(log_scalars={}))
BATCH = {'data_samples': [{'video_name': 'dog'}, {'video_id': 7}]}


def test_two_processes_log_their_mean(monkeypatch) -> None:
    def two_processes(values: torch.Tensor, op: str) -> None:
        assert op == 'mean'
        values.add_(torch.tensor([3.0, 5.0, 7.0])).div_(2)

    monkeypatch.setattr(loss_hook, 'all_reduce', two_processes)
    outputs = {'loss': torch.tensor(1.0), 'loss_seg': torch.tensor([2.0, 4.0]), 'share': 5.0}
    LossHook().after_train_iter(RUNNER, 0, BATCH, outputs)
    assert {key: float(value) for key, value in outputs.items()} == {
        'loss': 2.0,
        'loss_seg': 4.0,
        'share': 6.0,
    }


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_non_finite_loss_is_named_with_its_clips(value: float) -> None:
    outputs = {'loss': torch.tensor(value), 'loss_seg': torch.tensor(0.5), 'loss_avm': value}
    pattern = (
        rf'iteration 12 \(epoch 3\): loss = {value}, loss_avm = {value} in process 0 on the clips '
        rf'dog, 7\. .*lower learning rate'
    )
    with pytest.raises(FloatingPointError, match=pattern):
        LossHook().after_train_iter(RUNNER, 0, BATCH, outputs)


def test_process_with_a_finite_loss_stops_with_the_others(monkeypatch) -> None:
    monkeypatch.setattr(loss_hook, 'all_reduce', lambda values, op: values.fill_(float('nan')))
    reports = [(0, {}, ['dog']), (1, {'loss': float('inf')}, ['cat'])]
    monkeypatch.setattr(loss_hook, 'all_gather_object', lambda report: reports)
    with pytest.raises(FloatingPointError, match='loss = inf in process 1 on the clips cat'):
        LossHook().after_train_iter(RUNNER, 0, BATCH, {'loss': torch.tensor(1.0)})


def test_clip_names_are_limited_and_never_missing() -> None:
    many = {'data_samples': [{'video_name': str(i)} for i in range(20)]}
    assert clip_names(many) == ['0', '1', '2', '3', '4', '5', '6', '7', '...']
    assert clip_names(None) == ['(unknown)']
    assert clip_names({'data_samples': [{}]}) == ['(unnamed)']


def test_history_of_logged_numbers_is_limited(monkeypatch) -> None:
    monkeypatch.setattr(loss_hook, 'MAX_HISTORY', 3)
    hub = MessageHub('limited history')
    runner = SimpleNamespace(iter=0, epoch=0, message_hub=hub)
    for value in range(6):
        LossHook().after_train_iter(runner, value, BATCH, {'loss': torch.tensor(1.0)})
        hub.update_scalar('train/loss', value)
    history, counts = hub.get_scalar('train/loss').data
    assert history.tolist() == [3, 4, 5]
    assert len(counts) == 3
    assert hub.get_scalar('train/loss').mean(2) == 4.5


def test_missing_losses_are_ignored() -> None:
    LossHook().after_train_iter(RUNNER, 0, BATCH, None)
    LossHook().after_train_iter(RUNNER, 0, BATCH, {})


def test_gpu_is_waited_for_once() -> None:
    with simulated_device() as waits:
        outputs = {f'loss_{index}': torch.tensor(float(index)).to(NAME) for index in range(5)}
        waits.clear()
        LossHook().after_train_iter(RUNNER, 0, BATCH, outputs)
        assert [value.item() for value in outputs.values()] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert waits.total() == 1
