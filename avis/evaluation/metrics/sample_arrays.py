"""Convert the arrays of a data sample for the scorers: NumPy, one size, selected frames."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


def frame_flags(sample: Mapping[str, Any]) -> tuple[NDArray[np.bool_], NDArray[np.bool_] | None]:
    """The flags ``labeled_frames`` and ``valid_frames`` (None if absent), each bool (T,)."""
    if 'labeled_frames' not in sample:
        raise ValueError(
            f'{_name(sample)}: expected labeled_frames in the data sample, the frames to score; '
            f'load the labels in the pipeline and pack them (PackAVInputs)'
        )
    valid = sample.get('valid_frames')
    labeled = _to_numpy(sample['labeled_frames']).astype(bool)
    return labeled, None if valid is None else _to_numpy(valid).astype(bool)


def predicted_frames(
    sample: Mapping[str, Any], field: str, keep: NDArray[np.bool_] | None
) -> NDArray[Any]:
    """The prediction of the frames in ``keep``, all frames if None, (N, H, W)."""
    if field not in sample['pred_sem_seg']:
        raise ValueError(
            f'{_name(sample)}: expected {field!r} in pred_sem_seg, got '
            f'{sorted(sample["pred_sem_seg"])}; a binary model predicts prob and sem_seg, a model '
            f'with classes sem_seg'
        )
    pred = _to_numpy(sample['pred_sem_seg'][field])
    return pred if keep is None else pred[keep]


def labels_of(sample: Mapping[str, Any]) -> NDArray[Any]:
    """The ground truth of all frames at its own size, (T, H, W)."""
    return _to_numpy(sample['gt_sem_seg']['sem_seg'])


def scored_frames(
    sample: Mapping[str, Any], field: str, keep: NDArray[np.bool_]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Prediction and ground truth of the selected frames.

    Args:
        sample: A data sample as a dict, with ``pred_sem_seg`` and ``gt_sem_seg``, (T, H, W) each. A
            ground truth that was padded at the right and the bottom is cropped to ``img_shape``.
        field: Field of ``pred_sem_seg``: ``'prob'`` or ``'sem_seg'``.
        keep: True for the selected frames, bool (T,).

    Returns:
        Two arrays (N, H, W).
    """
    pred, target = predicted_frames(sample, field, None), labels_of(sample)
    height, width = sample.get('img_shape') or target.shape[-2:]
    target = target[:, :height, :width]
    if pred.shape != target.shape or len(pred) != len(keep):
        raise ValueError(
            f'{_name(sample)}: expected one shape, got prediction {pred.shape}, ground truth '
            f'{target.shape} and {len(keep)} frame flags; resize the prediction to the size of the '
            f'labels'
        )
    return pred[keep], target[keep]


def _name(sample: Mapping[str, Any]) -> str:
    return repr(sample.get('video_name', 'unnamed video'))


def _to_numpy(data: Any) -> NDArray[Any]:
    tensor = torch.as_tensor(data).cpu()
    # autocast may return bfloat16, which NumPy does not have.
    return (tensor.float() if tensor.is_floating_point() else tensor).numpy()
