"""The contract of the trackers: what joins the predictions of frames to instances over time.

A frame head finds instances in every frame, a tracker says which of them are the same. Any frame
head works with any tracker. A tracker sees a video as a row of windows that may overlap and turns
each into run lengths at once, so that its memory follows the content and not the length::

    state = tracker.start(gate)
    for window, frames, audio in windows:
        tracker.update(state, frames, audio, window)
    tracks = tracker.finish(state)

A clip that fits one window is one ``update``: streaming gives exactly its result. Start reading at
:class:`~avis.models.trackers.mask_overlap_tracker.MaskOverlapTracker`; the shared parts are
:mod:`~avis.models.trackers.detections` and :mod:`~avis.models.trackers.track_store`.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mmengine.structures import InstanceData
from torch import Tensor, nn

from avis.models.decode_heads.frame_predictions import FramePredictions
from avis.structures.av_data_sample import AVDataSample


@dataclass(frozen=True)
class Window:
    """Where the frames of one :meth:`Tracker.update` lie in the video, and their sizes (H, W).

    Attributes:
        start: Place of its first frame among the frames of the video; the others follow it.
        input_shape: Padded size that the network saw; the mask logits cover it.
        img_shape: Size without the padding.
        ori_shape: Size of the masks that are wanted.
    """

    start: int
    input_shape: tuple[int, int]
    img_shape: tuple[int, int]
    ori_shape: tuple[int, int]

    @classmethod
    def of_sample(cls, sample: AVDataSample, start: int = 0) -> 'Window':
        """The window that a preprocessed data sample holds, ``start`` frames into its video."""
        keys = ('batch_input_shape', 'img_shape', 'ori_shape')
        shapes = ((int(sample.get(key)[0]), int(sample.get(key)[1])) for key in keys)
        return cls(start, *shapes)


class Tracker(nn.Module, ABC):
    """Base of the trackers. One without parameters implements the last three methods only."""

    def forward(self, frames: FramePredictions, audio: Tensor) -> dict[str, Tensor]:
        """Raw outputs of a batch; empty for a tracker without parameters.

        Args:
            frames: Predictions of B clips of T frames.
            audio: One row of sound per frame, (B, T, D).

        Returns:
            ``class_logits`` (B, Q, K + 1) and ``mask_embeds`` (B, Q, C) of whole tracks.
        """
        return {}

    def loss(
        self,
        frames: FramePredictions,
        audio: Tensor,
        data_samples: Sequence[AVDataSample],
        matchings: Any,
    ) -> dict[str, Tensor]:
        """Losses of a batch by name; empty for a tracker without parameters.

        Args:
            frames: Predictions of B clips of T frames.
            audio: One row of sound per frame, (B, T, D).
            data_samples: B samples with ``gt_tracks``.
            matchings: What the frame head matched, see its ``loss``.
        """
        return {}

    @abstractmethod
    def start(self, gate: nn.Module | None = None) -> Any:
        """The state of a new video.

        Args:
            gate: Decides in which frames a track is reported, see
                :class:`~avis.models.trackers.sounding_gate.SoundingGate`; None reports it in all.
        """

    @abstractmethod
    def update(self, state: Any, frames: FramePredictions, audio: Tensor, window: Window) -> None:
        """Take in the next window of a video.

        Args:
            state: Of :meth:`start`; changed in place.
            frames: Predictions of the window, B = 1.
            audio: Its sound, (1, T, D).
            window: Its place and sizes. It must begin inside or right after the frames seen so far.
                Frames seen twice keep the masks of the earlier window.
        """

    @abstractmethod
    def finish(self, state: Any) -> InstanceData:
        """The tracks of all frames seen.

        Returns:
            ``labels`` int (N,), ``scores`` float (N,), ``ids`` int (N,), and ``masks``, a list of N
            :class:`~avis.structures.mask_track.MaskTrack` at ``ori_shape``; on the CPU.
        """
