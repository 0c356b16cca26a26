"""Which operations compute in bfloat16 under autocast, and in which functions."""

import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

ROOT = Path(__file__).resolve().parents[2]
_ATEN = torch.ops.aten
# Autocast computes others in float32 on a GPU: sum, softmax, layer_norm, cross_entropy and so on.
REDUCTIONS = {
    *(_ATEN.mean, _ATEN.var, _ATEN.var_mean, _ATEN.std, _ATEN.std_mean),
    *(_ATEN.logsumexp, _ATEN.linalg_vector_norm, _ATEN.cumprod),
}
PRODUCTS = {_ATEN.mm, _ATEN.bmm, _ATEN.addmm, _ATEN.baddbmm}
# Files in which products of matrices are sums over points, pixels or tokens, not layers.
EXACT_FILES = re.compile(
    r'(loss|losses|localizer|sound_localizers/base|matching|assignment|kmeans|sparse_attention)\.py$'
)


class Operation(NamedTuple):
    """An operation on bfloat16.

    Attributes:
        file: The file of avis or a project that called it, from the root.
        function: Name of the function within.
        name: Of the operation.
    """

    file: str
    function: str
    name: str


class LowPrecision(TorchDispatchMode):
    """Records reductions of bfloat16 that run in this context, and products in ``EXACT_FILES``."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[Operation] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        packet = func.overloadpacket
        if packet in REDUCTIONS | PRODUCTS and any(map(_is_low, tree_leaves(args))):
            operation = Operation(*_caller(), packet.__name__)
            if packet in REDUCTIONS or EXACT_FILES.search(operation.file):
                self.found.add(operation)
        return func(*args, **(kwargs or {}))


def _is_low(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dtype == torch.bfloat16


def _caller() -> tuple[str, str]:
    """File and name of the innermost function of avis or a project that is running."""
    frame = sys._getframe(2)
    while frame.f_back is not None:
        path = Path(frame.f_code.co_filename)
        own = path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in ('avis', 'projects')
        if own and not frame.f_code.co_name.startswith('<'):  # comprehensions belong to functions
            return str(path.relative_to(ROOT)), frame.f_code.co_name
        frame = frame.f_back
    return 'elsewhere', ''
