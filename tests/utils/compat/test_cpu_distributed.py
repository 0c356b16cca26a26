import socket
from types import ModuleType, SimpleNamespace

import pytest
import torch
from torch import nn

from avis.utils.compat import cpu_distributed
from tests.helpers.subprocess_python import run_python

LAUNCHERS = ('pytorch', 'slurm', 'mpi')


@pytest.fixture
def launchers():
    """A module like ``mmengine.dist.utils`` whose launchers set a device."""
    module, calls = ModuleType('launchers'), []

    def start(backend, **kwargs):
        torch.cuda.set_device(3)
        calls.append((backend, kwargs))

    for launcher in LAUNCHERS:
        setattr(module, f'_init_dist_{launcher}', start)
    cpu_distributed._start_gloo_without_cuda(module)
    return SimpleNamespace(module=module, calls=calls)


@pytest.mark.parametrize('launcher', LAUNCHERS)
def test_with_cuda_the_launcher_is_unchanged(launcher, launchers, monkeypatch):
    devices = []
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'set_device', devices.append)
    getattr(launchers.module, f'_init_dist_{launcher}')('nccl', port=1)
    assert launchers.calls == [('nccl', {'port': 1})]
    assert devices == [3]


@pytest.mark.parametrize('launcher', LAUNCHERS)
def test_without_cuda_gloo_starts_and_no_device_is_set(launcher, launchers, monkeypatch):
    def refuse(device):
        raise AssertionError('this machine has no CUDA device')

    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.setattr(torch.cuda, 'set_device', refuse)
    getattr(launchers.module, f'_init_dist_{launcher}')('nccl', port=1)
    assert launchers.calls == [('gloo', {'port': 1})]
    assert torch.cuda.set_device is refuse  # restored


class Wrapper:
    """Accepts the arguments of DistributedDataParallel."""

    def __init__(self, module, *args, **kwargs):
        self.kwargs = kwargs


@pytest.fixture
def wrapper():
    module = ModuleType('wrappers')
    module.MMDistributedDataParallel = type('MMDistributedDataParallel', (Wrapper,), {})
    cpu_distributed._drop_device_ids_on_cpu(module)
    return module.MMDistributedDataParallel


def test_device_ids_are_dropped_on_the_cpu(wrapper):
    wrapped = wrapper(nn.Linear(1, 1), device_ids=[0], broadcast_buffers=False)
    assert wrapped.kwargs == {'broadcast_buffers': False}


def test_device_ids_are_kept_on_other_devices(wrapper):
    wrapped = wrapper(nn.Linear(1, 1, device='meta'), device_ids=[0])
    assert wrapped.kwargs == {'device_ids': [0]}


def test_mmengine_trains_with_gloo_without_cuda():
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    code = f"""
import os
os.environ.update(
    RANK='0', LOCAL_RANK='0', WORLD_SIZE='1', MASTER_ADDR='127.0.0.1', MASTER_PORT='{port}',
    CUDA_VISIBLE_DEVICES='',
)
import avis, torch
from mmengine.dist import get_backend, init_dist
from mmengine.model import BaseModel, MMDistributedDataParallel
from mmengine.optim import OptimWrapper

class Model(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)
    def forward(self, inputs, data_samples=None, mode='loss'):
        return dict(loss=self.layer(inputs).mean())

init_dist('pytorch', backend='nccl')
model = MMDistributedDataParallel(Model(), device_ids=[0], broadcast_buffers=False)
optim = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
before = model.module.layer.weight.detach().clone()
model.train_step(dict(inputs=torch.ones(3, 2)), optim)
print(get_backend(), torch.equal(before, model.module.layer.weight))
"""
    assert run_python(code).split() == ['gloo', 'False']
