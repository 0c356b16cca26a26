"""Transforms for models that read a whole video on demand."""

from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.structures import InstanceData

from avis.datasets.readers.whole_video import AudioFile, ImageFrames, VideoFileFrames
from avis.registry import TRANSFORMS
from avis.structures.av_data_sample import AVDataSample
from avis.structures.media_time import frame_time

_META_KEYS = ('video_id', 'video_name', 'frame_ids', 'fps', 'sample_rate', 'ori_shape', 'img_shape')


@TRANSFORMS.register_module()
class OpenVideo(BaseTransform):
    """Open the frames and the audio of a video; they are read on demand.

    Reads ``frames`` and ``audio`` (paths), ``audio_track``, ``fps``, ``length``, and ``start``, the
    second of the files at which the video starts, 0 if missing. Writes ``frames``
    (an ``ImageFrames`` or ``VideoFileFrames``), ``frame_paths`` (the paths), ``audio`` (an
    ``AudioFile``), ``frame_ids``, ``ori_shape`` and ``img_shape`` of the first frame, and
    ``sample_rate``.

    Args:
        sample_rate: Samples per second of the audio.
    """

    def __init__(self, *, sample_rate: int = 16000) -> None:
        self.sample_rate = sample_rate

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        paths, fps = results['frames'], float(results['fps'])
        arguments: dict[str, Any] = {'name': str(results['video_name']), 'fps': fps}
        start = float(results.get('start', 0.0))
        length = int(results['length'])
        frames: ImageFrames | VideoFileFrames
        if isinstance(paths, str):
            frames = VideoFileFrames(paths, length=length, start=start, **arguments)
        else:
            frames = ImageFrames(paths, **arguments)
        audio = AudioFile(
            results['audio'],
            sample_rate=self.sample_rate,
            seconds=frame_time(length, fps),
            span=(start, start + frame_time(length, fps)) if 'start' in results else None,
            track=results.get('audio_track'),
        )
        return {
            **results,
            'frames': frames,
            'frame_paths': paths,
            'audio': audio,
            'sample_rate': self.sample_rate,
            'frame_ids': np.arange(length),
            'ori_shape': frames.size,
            'img_shape': frames.size,
        }


@TRANSFORMS.register_module()
class PackVideo(BaseTransform):
    """Pack the output of ``OpenVideo`` as ``{'inputs': {'frames', 'audio'}, 'data_samples'}``.

    The sample gets ``gt_tracks`` and ``labeled_frames`` if ``LoadTracks(form='tracks')`` wrote
    them, and the properties of the video as metainfo, with ``annotated`` if the data set states it.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        metainfo = {key: results[key] for key in _META_KEYS}
        if 'annotated' in results:
            metainfo['annotated'] = results['annotated']
        metainfo['attributes'] = results.get('attributes', {})
        metainfo['video_index'] = results.get('sample_idx', 0)
        sample = AVDataSample(metainfo=metainfo)
        if 'gt_tracks' in results:
            fields = {
                key: torch.from_numpy(value) if isinstance(value, np.ndarray) else value
                for key, value in results['gt_tracks'].items()
            }
            sample.gt_tracks = InstanceData(**fields)
        if 'labeled_frames' in results:
            sample.labeled_frames = torch.from_numpy(results['labeled_frames'])
        inputs = {'frames': results['frames'], 'audio': results['audio']}
        return {'inputs': inputs, 'data_samples': sample}
