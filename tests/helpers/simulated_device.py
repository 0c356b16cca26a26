"""A simulated device: values are computed on the CPU, tensors of two devices do not mix.

``with simulated_device() as waits:`` makes the device ``'simulated'`` available. As on a GPU,
operations on tensors of two devices are errors, NumPy cannot read its tensors, and copies to the
CPU, blocking copies from it, and operations whose output size depends on values are waits, which
are counted by the line of this repository that causes them.

What it cannot see: kernels without deterministic results or of other precision, memory, kernels
that exist on GPUs only (a GRU or LSTM is a sequence of simpler operations here), autocast (no casts
are registered for this device), and waits within operators.
"""

import contextlib
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch._decomp.decompositions import gru_impl, lstm_impl
from torch.overrides import TorchFunctionMode
from torch.utils import backend_registration
from torch.utils._mode_utils import no_dispatch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

NAME = 'simulated'
ROOT = Path(__file__).resolve().parents[2]

_ATEN = torch.ops.aten
_COPY, _MOVE = _ATEN.copy_.default, _ATEN._to_copy.default
_INDEXING = {
    _ATEN.index.Tensor,
    _ATEN.index_put.default,
    _ATEN.index_put_.default,
    _ATEN._index_put_impl_.default,
}
# Their result, or its size, must be known on the CPU.
_WAITING = {
    _ATEN._local_scalar_dense.default,
    _ATEN._unique2.default,
    _ATEN.bincount.default,
    _ATEN.equal.default,
    _ATEN.masked_select.default,
    _ATEN.nonzero.default,
    _ATEN.repeat_interleave.Tensor,
    _ATEN.unique_dim.default,
}


class SimulatedTensor(torch.Tensor):
    """A tensor of the simulated device; ``values`` is on the CPU."""

    values: torch.Tensor

    @staticmethod
    def __new__(cls, values: torch.Tensor) -> 'SimulatedTensor':
        tensor = torch.Tensor._make_wrapper_subclass(
            cls,
            values.size(),
            strides=values.stride(),
            storage_offset=values.storage_offset(),
            dtype=values.dtype,
            device=torch.device(NAME, 0),
        )
        tensor.values = values
        return tensor

    def __repr__(self) -> str:
        return f'SimulatedTensor({self.values})'

    def __deepcopy__(self, memo: dict) -> torch.Tensor:
        return self.clone()

    def tolist(self) -> Any:
        return self.cpu().tolist()

    def new_tensor(self, data: Any, *, dtype: torch.dtype | None = None) -> torch.Tensor:
        return torch.tensor(data, dtype=dtype or self.dtype).to(self.device)

    def numpy(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("can't convert a tensor of the simulated device to numpy: call cpu() first")

    __array__ = numpy

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {}, Counter())


class _Backend(backend_registration._DummyBackendModule):
    """What PyTorch asks of a device; outside the context there is none."""

    used = False

    def is_available(self) -> bool:
        return self.used

    def device_count(self) -> int:
        return int(self.used)

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16]


_BACKEND = _Backend()


class _Mode(TorchDispatchMode):
    """Runs every operation, also those without any tensor that name the device."""

    def __init__(self, waits: Counter[str]) -> None:
        super().__init__()
        self.waits = waits

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {}, self.waits)


# A GPU has one kernel for each, which the CPU lacks.
_RECURRENT = {torch.gru: gru_impl, torch.lstm: lstm_impl}


class _Functions(TorchFunctionMode):
    """Runs functions that are no operations of a CPU.

    PyTorch dispatches no tensors made of Python numbers.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _RECURRENT:
            return _RECURRENT[func](*args, **kwargs)
        device = kwargs.get('device')
        if func not in (torch.tensor, torch.as_tensor) or device is None:
            return func(*args, **kwargs)
        return func(*args, **{**kwargs, 'device': None}).to(device)


@contextlib.contextmanager
def simulated_device() -> Iterator[Counter[str]]:
    """Make the device available, and yield the waits for it."""
    if torch._C._get_privateuse1_backend_name() != NAME:
        # Without the device: its first backward pass would start a thread for it, after which
        # processes that are forked have no backward pass.
        torch.zeros((), requires_grad=True).backward()
        backend_registration._setup_privateuseone_for_python_backend(NAME, _BACKEND)
    waits: Counter[str] = Counter()
    _BACKEND.used = True
    try:
        # A thread of its own, which there may not be, runs backward passes on other devices.
        with _Mode(waits), _Functions(), torch.autograd.set_multithreading_enabled(False):
            yield waits
    finally:
        _BACKEND.used = False


def _run(func: Any, args: Any, kwargs: dict[str, Any], waits: Counter[str]) -> Any:
    tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
    simulated = [x for x in tensors if isinstance(x, SimulatedTensor)]
    others = [x for x in tensors if not isinstance(x, SimulatedTensor)]
    # Scalars and, in indexing and copies, all tensors may be on the CPU.
    mixes = simulated and any(x.dim() for x in others)
    if mixes and func not in _INDEXING | {_COPY, _MOVE}:
        shapes = [(tuple(x.shape), x.device.type) for x in tensors]
        raise RuntimeError(f'{func}: expected all tensors on one device, got {shapes}')
    device = kwargs.get('device')
    here = bool(simulated) if device is None else torch.device(device).type == NAME
    if func is _COPY:
        here = isinstance(args[0], SimulatedTensor)
    if _waits(func, args, kwargs, simulated, here):
        waits[_caller()] += 1
    if torch.Tag.inplace_view in func.tags and simulated:
        with no_dispatch():
            func(*args, **kwargs)  # changes size and strides of the outer tensor
    owners = {id(x.values): x for x in simulated}
    args, kwargs = tree_map(_on_cpu, (args, kwargs))
    same = {id(x) for x in others}

    def wrap(x: Any) -> Any:
        if not isinstance(x, torch.Tensor) or id(x) in same:
            return x
        if id(x) in owners:
            return owners[id(x)]
        return SimulatedTensor(x) if here else x

    return tree_map(wrap, func(*args, **kwargs))


def _on_cpu(x: Any) -> Any:
    if isinstance(x, torch.device) and x.type == NAME:
        return torch.device('cpu')
    return x.values if isinstance(x, SimulatedTensor) else x


def _waits(func: Any, args: Any, kwargs: Any, simulated: list[torch.Tensor], here: bool) -> bool:
    """Whether a GPU would be waited for; a copy to it need not be, if it is not blocking."""
    if func is _MOVE:
        if kwargs.get('device') is None or here == bool(simulated):
            return False
        return not (here and kwargs.get('non_blocking'))
    if func is _COPY:
        blocking = not (args[2:] and args[2]) and not kwargs.get('non_blocking')
        source = isinstance(args[1], SimulatedTensor)
        return here != source and (blocking or source)
    if not simulated:
        return False
    if func in _INDEXING:
        indices = [index for index in args[1] if index is not None]
        return any(x.dtype == torch.bool or not isinstance(x, SimulatedTensor) for x in indices)
    return func in _WAITING


def _caller() -> str:
    """The innermost line of this repository, outside of this file, that is running.

    Lines of comprehensions are those of the function, as in Python 3.12.
    """
    for frame in reversed(traceback.extract_stack()):
        path = Path(frame.filename)
        own = path.is_relative_to(ROOT) and '.venv' not in path.parts and path != Path(__file__)
        if own and not frame.name.startswith('<'):
            return f'{path.relative_to(ROOT)}:{frame.lineno} in {frame.name}: {frame.line}'
    return 'elsewhere'
