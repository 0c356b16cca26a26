"""Predict a video of any length with a model of short clips, such as TPAVI of AVSBench.

Such a model knows clips of T frames that are one second apart, each with its second of audio. A
video that is predicted at a higher rate is therefore split into interleaved clips: at 25 frames per
second the clips of a block of 5 seconds are the frames 0, 25, 50, 75, 100, then 1, 26, ..., up to
24, 49, ..., and every frame is predicted with the spacing and the audio that the model knows. A
block is decoded once, and only its frames at the size of the network are in memory.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import Dataset

from avis.datasets.transforms.audio import LoadAudio
from avis.datasets.transforms.geometry import ResizeClip
from avis.datasets.transforms.loading import LoadFrames, LoadLabelMaps
from avis.engine.class_tracks import ClassTracks
from avis.structures.av_data_sample import AVDataSample
from avis.structures.media_time import frame_time
from avis.structures.video_record import VideoRecord

_MAX_DRIFT = 0.02  # s per second by which frames and audio of a clip may run apart


@dataclass(frozen=True)
class ClipSpec:
    """The clips of a model.

    Attributes:
        length: T, frames of a clip.
        fps: Frames per second of a clip.
    """

    length: int = 5
    fps: float = 1.0


class ClipBlocks(Dataset):
    """The interleaved clips of a video, block by block, for a data loader without batches.

    Each item is a list of clips ``(frame_ids, item)``: the indices of the frames in the video, and
    the output of the pipeline. The last block of a video is moved back to its full size, so that
    clips are shorter than T frames only in videos shorter than one block.

    Args:
        record: The video.
        transforms: Test pipeline of the model. Label maps are not loaded, because there are none.
        spec: The clips of the model.
    """

    def __init__(self, record: VideoRecord, transforms: Sequence[Any], spec: ClipSpec) -> None:
        self.record, self.spec = record, spec
        resize = next((step for step in transforms if isinstance(step, ResizeClip)), None)
        loader = next((step for step in transforms if isinstance(step, LoadFrames)), None)
        if loader is None or loader.resize is None:
            loader = LoadFrames()
            loader.resize = resize  # of each frame as soon as it is decoded
        skipped = (LoadFrames, LoadLabelMaps)
        self._steps = [
            step
            for step in transforms
            if step is not loader.resize and not isinstance(step, skipped)
        ]
        self._load_frames = loader
        self.stride = max(round(record['fps'] / spec.fps), 1)
        size, length = self.stride * spec.length, record['length']
        self.starts = list(range(0, length, size))
        self.starts[-1] = max(min(self.starts[-1], length - size), 0)

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: int) -> list[tuple[NDArray[np.int64], dict[str, Any]]]:
        start = self.starts[index]
        stop = min(start + self.stride * self.spec.length, self.record['length'])
        block = self._load_frames({**self.record, 'frame_ids': np.arange(start, stop)})
        assert block is not None
        seen = 0 if not index else self.starts[index - 1] + self.stride * self.spec.length
        clips = []
        for first in range(start, min(start + self.stride, stop)):
            frame_ids = np.arange(first, stop, self.stride)
            if frame_ids[-1] >= seen:
                frames = block['frames'][first - start :: self.stride]
                clips.append((frame_ids, self._clip({**block, 'frames': frames}, frame_ids)))
        return clips

    def _clip(self, results: dict[str, Any], frame_ids: NDArray[np.int64]) -> dict[str, Any]:
        """Run the pipeline on one clip whose frames are loaded."""
        results = {**results, 'frame_ids': frame_ids, 'img_shape': results['frames'].shape[1:3]}
        for step in self._steps:
            if isinstance(step, LoadAudio):
                audio = self._load_audio(step, results)
                # From here on the clip is one of the data set of the model.
                clip = {'fps': self.spec.fps, 'length': len(frame_ids)}
                results = {**results, **audio, **clip, 'frame_ids': np.arange(len(frame_ids))}
            else:
                results = step(results)
        return results

    def _load_audio(self, step: LoadAudio, results: dict[str, Any]) -> dict[str, Any]:
        """Read a second of audio per frame, or the rows of the frames."""
        audio = self.record.get('audio')
        if step.source == 'features' or (audio is not None and audio.endswith('.pkl')):
            loaded = step({**self.record, 'frame_ids': results['frame_ids']})
            return {key: loaded[key] for key in ('audio', 'sample_rate')}
        fps = self.spec.fps
        times = self.record.get('start', 0.0) + frame_time(results['frame_ids'], self.record['fps'])
        drift = abs(frame_time(self.stride, self.record['fps']) * fps - 1)
        groups = [times] if drift <= _MAX_DRIFT else [times[i : i + 1] for i in range(len(times))]
        parts = [
            step({**self.record, 'fps': fps, 'start': group[0], 'frame_ids': np.arange(len(group))})
            for group in groups
        ]
        waveform = np.concatenate([part['audio'] for part in parts])
        return {'audio': waveform, 'sample_rate': parts[0]['sample_rate']}


class ClipStream:
    """Predicts clips and keeps the masks of each class as run-length encodings.

    Args:
        model: A model that predicts ``pred_sem_seg``.
        batch_size: Clips per batch.
    """

    def __init__(self, model: nn.Module, batch_size: int = 1) -> None:
        self.model: Any = model
        self.batch_size = batch_size
        self._tracks: ClassTracks | None = None
        self._first: AVDataSample | None = None

    def feed(self, clips: Sequence[tuple[NDArray[np.int64], dict[str, Any]]]) -> Iterator[int]:
        """Predict the clips of one item of :class:`ClipBlocks`.

        Yields:
            After each batch the number of frames in it that were not predicted before.
        """
        for batch in _batches(clips, self.batch_size):
            with torch.no_grad():
                samples = self.model.test_step(pseudo_collate([item for _, item in batch]))
            new = 0
            for (frame_ids, _), sample in zip(batch, samples, strict=True):
                if self._tracks is None:
                    self._tracks = ClassTracks((sample.ori_shape[0], sample.ori_shape[1]))
                    self._first = sample
                new += self._tracks.add(frame_ids.tolist(), sample.pred_sem_seg)
            yield new

    def finish(self, record: VideoRecord) -> AVDataSample:
        """Return the sample of the whole video, with one track per class in ``pred_tracks``.

        Its metainfo has ``semantic``, True.
        """
        assert self._tracks is not None
        assert self._first is not None
        length = record['length']
        kept = ('video_id', 'video_name', 'sample_rate', 'ori_shape', 'img_shape', 'attributes')
        metainfo = {key: self._first.get(key) for key in kept if key in self._first}
        metainfo |= {'fps': record['fps'], 'frame_ids': np.arange(length), 'semantic': True}
        sample = AVDataSample(metainfo=metainfo)
        sample.pred_tracks = self._tracks.to_instances(length)
        return sample


def _batches(clips: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """Yield clips of the same number of frames in batches."""
    lengths = [len(frame_ids) for frame_ids, _ in clips]
    start = 0
    while start < len(clips):
        stop = start + 1
        while stop < min(start + size, len(clips)) and lengths[stop] == lengths[start]:
            stop += 1
        yield clips[start:stop]
        start = stop
