"""The benchmark of GPUs with small models, on the CPU in place of a GPU."""

import argparse
import os
import sys
import time

import pytest
import torch

from tests.helpers.random_clips import make_batch
from tests.helpers.simulated_device import simulated_device


@pytest.fixture
def gpu(import_benchmark):
    return import_benchmark('gpu')


@pytest.fixture
def checks(gpu):
    return sys.modules['gpu_checks']


@pytest.fixture
def speaker_model(gpu):
    entry = gpu.ENTRIES['lr_asd']
    return entry, sys.modules['gpu_models'].build_model(entry, small=True, deterministic=True)


def test_configs_exist(gpu) -> None:
    paths = [
        sys.modules['gpu_models'].config_path(entry, small)
        for entry in gpu.ENTRIES.values()
        for small in (True, False)
    ]
    assert [path for path in paths if not path.is_file()] == []


def test_same_device_gives_equal_results_and_bfloat16_similar_ones(gpu, checks) -> None:
    records: list[dict] = []
    checks.check_correctness('lr_asd', gpu.ENTRIES['lr_asd'], 'cpu', True, records.append)
    exact, rounded = records
    assert exact['passed']
    assert exact['worst'].keys() == {'outputs', 'predictions', 'losses', 'gradients'}
    assert all(worst['difference'] == 0 for worst in exact['worst'].values())
    assert rounded['passed']
    assert all(worst['difference'] > 1e-6 for worst in rounded['worst'].values())


def test_other_weights_exceed_the_tolerance(checks, speaker_model) -> None:
    _, model = speaker_model
    batch = make_batch(model, clips=1, frames=3, size=(64, 96))
    reference = checks.compute(model, batch, 'cpu', 'fp32')
    with torch.no_grad():
        model.head.weight.mul_(2)
    worst = checks.compare(checks.compute(model, batch, 'cpu', 'fp32'), reference)
    assert all(
        worst[kind]['difference'] > limit for kind, limit in checks.TOLERANCE['fp32'].items()
    )


def test_missing_results_and_nan_differ_without_limit(checks) -> None:
    ones = torch.ones(2)
    assert checks.difference(torch.ones(3), ones) == float('inf')
    assert checks.difference(torch.tensor([1.0, float('nan')]), ones) == float('inf')
    assert checks.difference(torch.tensor([0, 1]), torch.tensor([0, 0])) == 0.5


def test_random_numbers_do_not_depend_on_calls_of_other_devices(checks) -> None:
    with checks.SameRandomNumbers():
        torch.manual_seed(0)
        numbers = torch.rand(3, device='cpu')
        torch.manual_seed(0)
        alike = torch.rand_like(torch.zeros(3))
    assert torch.equal(numbers, alike)


def test_speed_is_measured(gpu) -> None:
    records: list[dict] = []
    measure = sys.modules['gpu_speed'].measure_variants
    measure('lr_asd', gpu.ENTRIES['lr_asd'], 'cpu', True, records.append, seconds=0)
    # The published computation exists for other models only.
    assert [record['variant'] for record in records[::2]] == [
        'eager',
        'bf16',
        'channels_last',
        'tf32',
    ]
    assert {record['step'] for record in records} == {'inference', 'training'}
    assert all(record['seconds'] > 0 and record['frames'] > 0 for record in records)
    report = gpu.markdown({'device': 'cpu'}, records)
    assert '| lr_asd | training | bf16 |' in report


def test_failures_and_slow_checks_are_recorded_and_others_go_on(gpu, monkeypatch, tmp_path) -> None:
    def check(name, entry, device, small, send) -> None:
        if name == 'tpavi_r50':
            raise RuntimeError('broken')
        if name == 'avism_r50':
            os._exit(3)
        if name == 'vita_r50':
            time.sleep(60)
        send({'part': 'correctness', 'model': name, 'passed': True})

    monkeypatch.setitem(gpu.PARTS, 'correctness', check)
    models = ['tpavi_r50', 'avism_r50', 'vita_r50', 'lr_asd']
    args = argparse.Namespace(
        parts=['correctness'], only=models, device='cpu', small=True, minutes=1, limit=2.0, jobs=4
    )
    found = {record['model']: record for record in gpu.run_checks(args, time.monotonic())}
    assert 'RuntimeError: broken' in found['tpavi_r50']['error']
    assert found['avism_r50']['error'] == 'exit code 3'
    assert found['vita_r50']['error'] == 'took longer than 2 s'
    assert found['lr_asd']['passed']
    args.minutes = 0
    records = list(gpu.run_checks(args, time.monotonic() - 1))
    assert [record['error'] for record in records] == ['no time was left'] * 4
    gpu.write(tmp_path, {'device': 'cpu'}, records)
    assert 'no time was left' in (tmp_path / 'gpu.md').read_text()


def test_simulated_device_rejects_tensors_of_the_cpu_and_counts_waits() -> None:
    with simulated_device() as waits:
        weights = torch.ones(3, 2).to('simulated', non_blocking=True)
        assert not waits
        inputs = torch.rand(4, 3, device='simulated')
        loss = (inputs @ weights).square().sum()
        with pytest.raises(RuntimeError, match='expected all tensors on one device'):
            inputs @ torch.ones(3, 2)
        with pytest.raises(TypeError, match=r'call cpu\(\) first'):
            inputs.numpy()
        assert loss.item() > 0
        assert len(inputs[inputs[:, 0] >= 0].tolist()) == 4
    assert sum(waits.values()) == 3  # the number, the positions, the list
    assert all(place.startswith('tests/benchmarks/test_gpu.py') for place in waits)


def test_synchronizations_are_counted_on_the_simulated_device(gpu, checks) -> None:
    records: list[dict] = []
    with simulated_device():
        checks.count_synchronizations(
            'lr_asd', gpu.ENTRIES['lr_asd'], 'simulated', True, records.append
        )
    assert [(record['step'], record['count']) for record in records] == [
        ('training', 1),
        ('inference', 1),
    ]
