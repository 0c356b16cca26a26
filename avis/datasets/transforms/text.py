"""Text of a clip: remove it, to measure what it contributes."""

from typing import Any

from mmcv.transforms import BaseTransform

from avis.datasets.transforms.clip import clip_name
from avis.registry import TRANSFORMS


@TRANSFORMS.register_module()
class BlankExpression(BaseTransform):
    """Remove the expression, to measure how a model performs without text.

    Reads ``expression`` and sets it to None, which a text encoder reads as the empty sentence.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        if 'expression' not in results:
            raise ValueError(
                f'{clip_name(results)} has no expression to remove; use a data set with '
                f'expressions, such as RefAVS'
            )
        return {**results, 'expression': None}
