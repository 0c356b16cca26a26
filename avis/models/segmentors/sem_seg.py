"""Ground truth, predictions and padding frames of models that label each pixel of each frame."""

from collections.abc import Sequence

import torch
from mmengine.structures import PixelData
from torch import Tensor

from avis.structures.av_data_sample import AVDataSample


def add_sem_seg(data_samples: list[AVDataSample], logits: Tensor) -> list[AVDataSample]:
    """Add ``pred_sem_seg`` to the data samples, without padding.

    Its ``sem_seg`` is uint8 (T, H, W), class indices; the binary task adds ``prob``, float
    (T, H, W).

    Args:
        data_samples: B samples; changed in place.
        logits: (B, T, K, H, W), K = 1 for the binary task.
    """
    for sample, clip in zip(data_samples, logits, strict=True):
        height, width = sample.img_shape
        length = len(sample.get('frame_ids', clip))
        own = clip[:length, :, :height, :width]  # (T, K, H, W), without the padding
        if own.shape[1] == 1:
            prob = own[:, 0].sigmoid().float()
            data = {'sem_seg': (prob > 0.5).to(torch.uint8), 'prob': prob}
        else:
            data = {'sem_seg': own.argmax(1).to(torch.uint8)}
        sample.pred_sem_seg = PixelData(**data)
    return data_samples


def zero_padding_frames(x: Tensor, valid: Tensor | None) -> Tensor:
    """Set the entries of x (B*T, ...) that belong to padding frames to zero; valid is (B, T)."""
    if valid is None:
        return x
    return x * valid.reshape(-1, *[1] * (x.ndim - 1)).to(x.dtype)


def stack_sem_seg(data_samples: Sequence[AVDataSample], logits: Tensor) -> tuple[Tensor, Tensor]:
    """Stack the ground truth of a batch.

    Returns:
        Class indices (B, T, H, W), and which frames are labeled, bool (B, T).
    """
    num_labels = max(logits.shape[2], 2)  # a binary head has one logit and two labels
    targets, labeled = [sample.gt_sem_seg.sem_seg for sample in data_samples], []  # (T, H, W)
    # Of all clips at once: a GPU is waited for once.
    largest = torch.stack([target.max() for target in targets]).tolist()
    for sample, target, label in zip(data_samples, targets, largest, strict=True):
        if label >= num_labels:
            raise ValueError(
                f'{sample.get("video_name")!r}: expected labels below {num_labels}, as '
                f'decode_head.num_classes is {logits.shape[2]}, got {label}. Check the masks, or '
                f'set num_classes to that of the data set.'
            )
        known = sample.get('labeled_frames')
        labeled.append(target.new_ones(len(target), dtype=torch.bool) if known is None else known)
    return torch.stack(targets), torch.stack(labeled)
