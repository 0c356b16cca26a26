"""Distributed training without a GPU: gloo where mmengine requires CUDA.

Reason: ``mmengine.dist.init_dist`` calls ``torch.cuda.set_device`` whatever the backend, and its
Runner passes ``device_ids`` to DistributedDataParallel, which fails for a model on the CPU.
Ends with: an mmengine release that trains on gloo on a machine without CUDA.
"""

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

from avis.utils.compat.import_hook import after_import


def _start_gloo_without_cuda(module: ModuleType) -> None:
    """Let every launcher of mmengine start gloo when there is no CUDA device."""
    for launcher in ('pytorch', 'slurm', 'mpi'):
        name = f'_init_dist_{launcher}'
        setattr(module, name, _without_cuda(getattr(module, name)))


def _without_cuda(start: Callable[..., None]) -> Callable[..., None]:
    """The same launcher; without CUDA it starts gloo and sets no device."""

    @functools.wraps(start)
    def launch(backend: str, **kwargs: Any) -> None:
        import torch

        if torch.cuda.is_available():
            start(backend, **kwargs)
            return
        set_device = torch.cuda.set_device
        torch.cuda.set_device = lambda device: None
        try:
            start('gloo', **kwargs)
        finally:
            torch.cuda.set_device = set_device

    return launch


def _drop_device_ids_on_cpu(module: ModuleType) -> None:
    """Let DistributedDataParallel wrap a model on the CPU."""
    wrapper = module.MMDistributedDataParallel
    original = wrapper.__init__

    @functools.wraps(original)
    def init(self: Any, module: Any, *args: Any, **kwargs: Any) -> None:
        parameter = next(iter(module.parameters()), None)
        if parameter is None or parameter.device.type == 'cpu':
            kwargs.pop('device_ids', None)
        original(self, module, *args, **kwargs)

    wrapper.__init__ = init


def install() -> None:
    """Wait for the imports of mmengine's distributed modules."""
    after_import('mmengine.dist.utils', _start_gloo_without_cuda)
    after_import('mmengine.model.wrappers.distributed', _drop_device_ids_on_cpu)
