"""Predict videos window by window; of each window only run-length encodings are kept."""

from typing import Any

import numpy as np
import torch
from mmengine.model import is_model_wrapper
from mmengine.structures import InstanceData
from torch import nn

from avis.models.trackers.base import TrackerWindow
from avis.structures.av_data_sample import AVDataSample
from avis.structures.mask_track import MaskTrack
from avis.structures.masks import RLE


class VideoStream:
    """Passes windows to a model, and returns each video after its last window.

    The model has ``start_video``, ``predict_window`` and ``finish_video``, as
    :class:`~avis.models.segmentors.av_instance_segmentor.AVInstanceSegmentor` does.

    Args:
        model: The model; the wrapper of distributed training is removed.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model: Any = model.module if is_model_wrapper(model) else model
        self._video: _Video | None = None

    @torch.no_grad()
    def feed(self, batch: dict[str, Any]) -> AVDataSample | None:
        """Predict the next window.

        Args:
            batch: Batch of one item of a :class:`~avis.datasets.window_dataset.WindowDataset`, as
                the data loader collates it.

        Returns:
            After the last window the sample of the whole video, with ``pred_tracks`` and, if the
            windows have it, ``gt_tracks``. None after other windows, and for a broken video.

        Raises:
            ValueError: The windows before this one were not fed.
        """
        (sample,) = batch['data_samples']
        spec = sample.window
        if spec.start == 0:
            self._video = _Video(self.model.start_video(), sample)
        video = self._video
        if video is None:
            raise ValueError(
                f'{sample.get("video_name")!r}: got its window at frame {spec.start} without the '
                f'windows before it; feed the windows of a video in order'
            )
        video.broken |= sample.get('broken', False)
        if not video.broken:
            data = self.model.data_preprocessor(batch, False)
            (cast,) = data['data_samples']
            window = TrackerWindow.from_sample(cast, spec.start)
            self.model.predict_window(video.state, data['inputs'], window)
            video.add(sample)
        if not spec.is_last:
            return None
        self._video = None
        return None if video.broken else video.finish(self.model.finish_video(video.state))

    def abandon(self, sample: AVDataSample) -> None:
        """Leave out the video of a window whose prediction failed.

        Args:
            sample: The data sample of the window.
        """
        if sample.window.is_last:
            self._video = None
            return
        if self._video is None:
            self._video = _Video(None, sample)
        self._video.broken = True


class _Video:
    """State of the video that is being predicted."""

    def __init__(self, state: Any, sample: AVDataSample) -> None:
        self.state = state
        self.broken = False
        self.first = sample
        self.length = 0
        self.labeled: list[np.ndarray] = []
        self.gt: dict[int, _GroundTruth] | None = {} if 'gt_tracks' in sample else None

    def add(self, sample: AVDataSample) -> None:
        """Add the ground truth of the frames of a window that earlier windows did not contain."""
        spec = sample.window
        skip, count = self.length - spec.start, spec.stop - spec.start
        labeled = sample.get('labeled_frames')
        flags = np.ones(count, bool) if labeled is None else labeled.cpu().numpy()
        self.labeled.append(flags[skip:])
        if self.gt is not None:
            tracks = sample.gt_tracks
            for index, number in enumerate(tracks.ids.tolist()):
                track = self.gt.setdefault(number, _GroundTruth(tracks, index))
                track.rles += [None] * (self.length - len(track.rles))
                track.rles += tracks.masks[index].rles[skip:]
        self.length = spec.stop

    def finish(self, tracks: InstanceData) -> AVDataSample:
        """Return the sample of the whole video."""
        dropped = ('window', 'batch_input_shape')
        metainfo = {k: v for k, v in self.first.metainfo.items() if k not in dropped}
        sample = AVDataSample(metainfo={**metainfo, 'frame_ids': np.arange(self.length)})
        sample.set_metainfo({'video_index': self.first.window.video})
        sample.pred_tracks = tracks
        labeled = np.concatenate(self.labeled)
        if not labeled.all():
            sample.labeled_frames = torch.from_numpy(labeled)
        if self.gt is not None:
            sample.gt_tracks = self._gt(self.first.gt_tracks, list(self.gt.items()))
        return sample

    def _gt(self, first: InstanceData, tracks: list[tuple[int, '_GroundTruth']]) -> InstanceData:
        """Return the ground-truth tracks over all frames."""
        height, width = self.first.ori_shape
        for _, track in tracks:
            track.rles += [None] * (self.length - len(track.rles))
        # Without tracks there are no fields to infer the types from; the first window has them.
        fields = {
            key: torch.tensor([track.fields[key] for _, track in tracks], dtype=first[key].dtype)
            for key in first.keys()  # noqa: SIM118 - InstanceData iterates over instances
            if key not in ('masks', 'ids')
        }
        return InstanceData(
            ids=torch.tensor([number for number, _ in tracks], dtype=torch.int64),
            masks=[MaskTrack(height, width, track.rles) for _, track in tracks],
            **fields,
        )


class _GroundTruth:
    """One ground-truth track: its fields, and its masks so far."""

    def __init__(self, tracks: InstanceData, index: int) -> None:
        self.fields = {
            key: value[index].item() for key, value in tracks.items() if key not in ('masks', 'ids')
        }
        self.rles: list[RLE | None] = []
