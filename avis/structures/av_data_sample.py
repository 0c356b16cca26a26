"""The one thing that passes between data pipeline, models, evaluation and drawing."""

from typing import Any, ClassVar

from mmengine.structures import BaseDataElement, InstanceData, PixelData
from torch import Tensor


class AVDataSample(BaseDataElement):
    """Truth and prediction of one clip of T frames.

    Metainfo: ``video_id``, ``video_name``, ``frame_ids`` (T,), ``fps``, ``sample_rate``,
    ``ori_shape`` (H, W) of the file, ``img_shape`` (H, W) of the input, ``batch_input_shape``,
    ``flip``, ``attributes``, ``seed`` (numbers that fix what a model draws of the clip).

    Attributes:
        gt_sem_seg: Truth, :class:`PixelData` whose ``sem_seg`` is (T, H, W) with class indices;
            for a binary task 0 or 1.
        pred_sem_seg: Prediction, the same; a binary one also has ``prob`` (T, H, W) in [0, 1].
        gt_tracks: True instances, :class:`InstanceData` with ``labels`` (N,), ``ids`` (N,) and
            in training dense bool ``masks`` (N, T, H, W).
        pred_tracks: Predicted instances with ``scores`` (N,) in addition; ``masks`` is a list of
            N :class:`~avis.structures.mask_track.MaskTrack`.
        labeled_frames: bool (T,), True where the truth of a frame is known.
        valid_frames: bool (T,), False on padding; absent means all frames are real.
    """

    FIELD_TYPES: ClassVar[dict[str, type]] = {
        'gt_sem_seg': PixelData,
        'pred_sem_seg': PixelData,
        'gt_tracks': InstanceData,
        'pred_tracks': InstanceData,
        'labeled_frames': Tensor,
        'valid_frames': Tensor,
    }

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a field after checking its type, so that a mistake shows where it is made."""
        wanted = self.FIELD_TYPES.get(name)
        if wanted is not None and not isinstance(value, wanted):
            raise TypeError(
                f'AVDataSample.{name} must be a {wanted.__name__}, got {type(value).__name__}'
            )
        super().__setattr__(name, value)
