"""Read a file of :mod:`tests.helpers.odd_media` in every way, and find the flashes and beeps."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from mmengine.structures import InstanceData
from numpy.typing import NDArray

from avis.apis import video_record
from avis.datasets.readers.whole_video import VideoFileFrames
from avis.datasets.transforms.audio import LoadAudio
from avis.datasets.transforms.loading import LoadFrames
from avis.engine.track_video import write_track_video
from avis.structures.av_data_sample import AVDataSample
from avis.structures.windows import cut_windows
from avis.visualization.annotated_video import display_size
from avis.visualization.record_media import pixel_aspect
from tests.helpers.odd_media import FPS, RATE, OddFile, compare


def check_odd(path: Path, spec: OddFile, written: Path) -> list[str]:
    """Return what is wrong with the frames and the audio of a file, one line each.

    Args:
        path: The file.
        spec: How it was made.
        written: Where to write the annotated video.
    """
    record = video_record(path, fps=FPS)
    frames, audio = load(record, np.arange(record['length']))
    problems = []
    if (record['height'], record['width']) != frames.shape[1:3]:
        problems.append(f'record {record["height"]}x{record["width"]}, frames {frames.shape[1:3]}')
    seen = {
        'LoadFrames, LoadAudio': (frames, audio),
        'windows': load_in_windows(record),
        'annotated video': write_and_read(record, written),
    }
    for way, (images, wave) in seen.items():
        problems += [f'{way}: {problem}' for problem in compare(images, wave, spec)]
    if not np.array_equal(seen['windows'][0], frames):
        differ = np.flatnonzero((seen['windows'][0] != frames).any(axis=(1, 2, 3)))
        problems.append(f'windows: other frames than in one go at {differ[:10].tolist()}')
    source = VideoFileFrames(path, name='v', fps=FPS, length=record['length'])
    order = np.random.default_rng(0).permutation(record['length'])[:12]
    wrong = [int(k) for k in order if not np.array_equal(source[k], frames[k])]
    if wrong:
        problems.append(f'VideoFileFrames: other frames than in one go at {wrong}')
    return problems


def load(record: Any, frame_ids: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """Load frames and audio through the transforms."""
    results = LoadAudio(missing='silence', max_padding=1e9)(
        LoadFrames()({**record, 'frame_ids': frame_ids})
    )
    return results['frames'], results['audio']


def load_in_windows(record: Any) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """Load windows, each opening the file anew."""
    windows = [np.arange(*window) for window in cut_windows(record['length'], 17)]
    parts = [load(record, window) for window in windows]
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def write_and_read(record: Any, path: Path) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """Write the annotated video, without tracks, and decode it without avis.

    Returns:
        The frames without the strip below, enlarged, and the audio.
    """
    nothing = {'ids': torch.zeros(0), 'labels': torch.zeros(0), 'scores': torch.zeros(0)}
    sample = AVDataSample(metainfo={})
    sample.pred_tracks = InstanceData(**nothing, masks=[])
    write_track_video(path, record, sample)
    height = display_size(record['height'], record['width'], pixel_aspect(record))[0]
    images = np.stack([image for _, image in read_images(path, height)])
    return images, read_samples(path)


def read_images(path: Path, height: int) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Yield time and pixels of each frame of an annotated video, without the strip below."""
    with av.open(str(path)) as video:
        for frame in video.decode(video=0):
            yield float(frame.time), frame.to_ndarray(format='rgb24')[:height]


def read_samples(path: Path) -> NDArray[Any]:
    """Return all samples of an annotated video at ``RATE``; none without audio."""
    with av.open(str(path)) as video:
        if not video.streams.audio:
            return np.zeros(0)
        resampler = av.AudioResampler(format='fltp', layout='mono', rate=RATE)
        blocks = [part for frame in video.decode(audio=0) for part in resampler.resample(frame)]
    return np.concatenate([block.to_ndarray()[0] for block in blocks])
