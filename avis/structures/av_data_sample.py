"""The data structure that data pipelines, models, metrics and visualization exchange."""

from typing import Any, ClassVar

from mmengine.structures import BaseDataElement, InstanceData, PixelData
from torch import Tensor


class AVDataSample(BaseDataElement):
    """Ground truth and prediction of one clip of T frames.

    Metainfo: ``video_id``, ``video_name``, ``frame_ids`` (T,), ``fps``, ``sample_rate``,
    ``ori_shape`` (H, W) of the file, ``img_shape`` (H, W) of the input, ``batch_input_shape``,
    ``scale_factor`` (by which the pipeline resized width and height), ``flip``, ``attributes``,
    ``frame_times`` (T,) and ``face_boxes`` (T, 4) of a face track, ``source_boxes`` or
    ``annotator_boxes`` (N, 4) of a frame with its audio, ``expression`` (the sentence
    that names the object to segment), ``seed`` (the numbers that determine what a model samples at
    random for the clip).

    Attributes:
        gt_sem_seg: Ground truth, :class:`PixelData` whose ``sem_seg`` is (T, H, W) with class
            indices; 0 or 1 for a binary task.
        pred_sem_seg: Prediction in the same form; for a binary task also ``prob`` (T, H, W) in
            [0, 1].
        gt_tracks: Ground-truth instances, :class:`InstanceData` with ``labels`` (N,), ``ids`` (N,)
            and ``masks``: bool (N, T, H, W) in training, else a list as in ``pred_tracks``. In
            training ``annotated`` bool (N, T), True where the annotation has a mask, even if a
            crop leaves nothing of it.
        pred_tracks: Predicted instances, with ``scores`` (N,) in addition; ``masks`` is a list of
            N :class:`~avis.structures.mask_track.MaskTrack`. A speaker tracker adds
            ``visible_masks``, which also cover frames in which the person is silent.
        gt_speaking: Ground truth of a face track, int64 (T,): 0 not speaking, 1 speaking audibly, 2
            speaking inaudibly.
        pred_heat_map: Predicted location of the audio source, :class:`PixelData` whose ``heat_map``
            (T, h, w) is higher where the audio comes from; further fields are parts of it.
        pred_speaking: Predicted score of "speaks audibly" per frame of a face track, (T,).
        labeled_frames: bool (T,), True for frames with ground truth; without it all have it.
        valid_frames: bool (T,), False for padding; without it no frame is padding.
    """

    FIELD_TYPES: ClassVar[dict[str, type]] = {
        'gt_sem_seg': PixelData,
        'pred_sem_seg': PixelData,
        'gt_tracks': InstanceData,
        'pred_tracks': InstanceData,
        'gt_speaking': Tensor,
        'pred_speaking': Tensor,
        'pred_heat_map': PixelData,
        'labeled_frames': Tensor,
        'valid_frames': Tensor,
    }

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a field after checking its type, so that a wrong one is reported where it is set."""
        expected = self.FIELD_TYPES.get(name)
        if expected is not None and not isinstance(value, expected):
            raise TypeError(
                f'AVDataSample.{name}: expected {expected.__name__}, got {type(value).__name__}'
            )
        super().__setattr__(name, value)
