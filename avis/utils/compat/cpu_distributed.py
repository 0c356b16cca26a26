"""Several processes without a GPU: gloo where mmengine insists on CUDA.

Reason: ``mmengine.dist.init_dist`` calls ``torch.cuda.set_device`` whatever the backend, and its
Runner passes ``device_ids`` to DistributedDataParallel, which a model on the CPU refuses.
Ends with: an mmengine release that trains on gloo on a machine without CUDA.
"""

import functools
from types import ModuleType
from typing import Any

from avis.utils.compat.import_hook import after_import


def _start_gloo_without_cuda(module: ModuleType) -> None:
    """Let the pytorch launcher start gloo when there is no CUDA device."""
    original = module._init_dist_pytorch

    @functools.wraps(original)
    def init_dist_pytorch(backend: str, init_backend: str = 'torch', **kwargs: Any) -> None:
        import torch

        if torch.cuda.is_available():
            original(backend, init_backend=init_backend, **kwargs)
        else:
            torch.distributed.init_process_group(backend='gloo', **kwargs)

    module._init_dist_pytorch = init_dist_pytorch  # type: ignore[attr-defined]


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
