"""torchvision with a torch it was not built for: keep its pure PyTorch parts usable.

Reason: torchvision wheels on PyPI link CUDA libraries. With a CPU build of torch the library
does not load, and ``import torchvision`` fails where it describes missing operators, although
resizing, normalization and boxes need no compiled code. transformers imports any installed
torchvision, and mmdet imports transformers. The two operators described at import are declared;
``nms`` is implemented in PyTorch, the others remain missing.
Ends with: a torchvision release that imports without its compiled operators.
"""

from types import ModuleType
from typing import Any

from avis.utils.compat.import_hook import after_import

_libraries: list[Any] = []  # an operator lives as long as the library that declared it


def _nms(boxes: Any, scores: Any, iou_threshold: float) -> Any:
    """Indices of the boxes (N, 4) that overlap no higher-scored one by more than a threshold."""
    import torch

    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    order = scores.argsort(descending=True, stable=True)
    kept = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(best)
        low = torch.maximum(boxes[best, :2], boxes[rest, :2])
        high = torch.minimum(boxes[best, 2:], boxes[rest, 2:])
        shared = (high - low).clamp(min=0).prod(dim=1)
        order = rest[shared <= iou_threshold * (areas[best] + areas[rest] - shared)]
    return torch.stack(kept) if kept else order


def _declare_operators(module: ModuleType) -> None:
    """After ``torchvision.extension`` has tried to load the library."""
    if module._has_ops():
        return
    import torch

    library = torch.library.Library('torchvision', 'DEF')
    library.define('nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')
    library.define('qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')
    library.impl('nms', _nms, 'CompositeExplicitAutograd')
    _libraries.append(library)


def _allow_nms(module: ModuleType) -> None:
    """Let ``torchvision.ops.boxes`` call what was declared."""
    if _libraries:
        module._assert_has_ops = lambda: None  # type: ignore[attr-defined]


def install() -> None:
    """Wait for the imports of ``torchvision.extension`` and ``torchvision.ops.boxes``."""
    after_import('torchvision.extension', _declare_operators)
    after_import('torchvision.ops.boxes', _allow_nms)
