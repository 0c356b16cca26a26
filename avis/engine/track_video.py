"""Write a video with its predicted instances, frame by frame, for videos of any length."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from mmengine.structures import InstanceData
from numpy.typing import NDArray

from avis.datasets.readers.audio import NoAudioError, audio_info, read_audio
from avis.datasets.readers.images import read_image
from avis.datasets.readers.video import video_info, walk_video
from avis.structures.av_data_sample import AVDataSample
from avis.structures.media_time import frame_time, num_samples
from avis.structures.video_record import VideoRecord
from avis.utils.mp4 import to_int16
from avis.visualization.drawing import side_by_side
from avis.visualization.tracks import draw_tracks
from avis.visualization.video_writer import write_video

_BLOCK_SECONDS = 10
_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)


def write_track_video(
    path: str | Path,
    record: VideoRecord,
    sample: AVDataSample,
    *,
    classes: Sequence[str] = (),
    gt: bool = False,
) -> None:
    """Write a video with the masks of ``pred_tracks``, one color per identity.

    Frames and audio are read again from the files of the record, block by block.

    Args:
        path: Path of the MP4 file.
        record: Record of the video.
        sample: Sample of the whole video; ``frame_ids`` are the indices of its frames.
        classes: Names of the classes for the captions; without them, their indices are shown.
        gt: Show ``gt_tracks`` beside the prediction, if the sample has it.
    """
    sides = {'prediction': sample.pred_tracks}
    if gt and 'gt_tracks' in sample:
        sides = {'ground truth': sample.gt_tracks, **sides}
    frame_ids = np.asarray(sample.get('frame_ids', range(record['length'])))
    reader = _AudioReader.of(record, frame_ids)
    frames = record['frames']
    write_video(
        path,
        _drawn(record, frame_ids, sides, classes),
        fps=record['fps'],
        audio=reader,
        sample_rate=16000 if reader is None else reader.rate,
        pixel_aspect=video_info(frames).pixel_aspect if isinstance(frames, str) else 1,
    )


def walk_frames(record: VideoRecord, frame_ids: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames of a video one after the other, RGB (H, W, 3)."""
    frames = record['frames']
    if isinstance(frames, str):
        yield from walk_video(frames, frame_time(frame_ids, record['fps']))
    else:
        yield from (read_image(frames[index]) for index in frame_ids)


def _drawn(
    record: VideoRecord,
    frame_ids: NDArray[np.int64],
    sides: dict[str, InstanceData],
    classes: Sequence[str],
) -> Iterator[NDArray[np.uint8]]:
    """Yield each frame with the tracks of one side, or of both sides next to each other."""
    for t, frame in enumerate(walk_frames(record, frame_ids)):
        images = {name: _draw(frame, tracks, t, classes) for name, tracks in sides.items()}
        yield side_by_side(images) if len(images) > 1 else images.popitem()[1]


def _draw(
    frame: NDArray[np.uint8], tracks: InstanceData, t: int, classes: Sequence[str]
) -> NDArray[np.uint8]:
    masks, captions = {}, {}
    for number, label, track in zip(
        tracks.ids.tolist(), tracks.labels.tolist(), tracks.masks, strict=True
    ):
        if track.rles[t] is not None:
            masks[number] = track.dense(t)
            captions[number] = f'{classes[label] if classes else f"class {label}"} {number}'
    return draw_tracks(frame, masks, captions)


class _AudioReader:
    """Reads the audio of a file block by block, as the video writer requests it."""

    def __init__(self, path: str, track: int | None, rate: int, start: int) -> None:
        self.path, self.track = path, track
        self.rate = rate
        self.offset = start  # sample of the file at which the video starts
        self.block_start = 0
        self.block = np.zeros(0, np.int16)

    @classmethod
    def of(cls, record: VideoRecord, frame_ids: NDArray[np.int64]) -> '_AudioReader | None':
        """Return the reader of a record; None without audio, or if frames are not consecutive."""
        audio, track = record['audio'], record.get('audio_track')
        if audio is None or audio.endswith('.pkl') or (np.diff(frame_ids) != 1).any():
            return None
        try:
            native = audio_info(audio, track).sample_rate
        except NoAudioError:
            return None
        rate = native if native in _AAC_RATES else 16000
        return cls(audio, track, rate, num_samples(int(frame_ids[0]), record['fps'], rate))

    def __call__(self, start: int, end: int) -> NDArray[np.int16]:
        """Return the samples ``start`` to ``end`` of the video; both must not decrease."""
        if end > self.block_start + len(self.block):
            count = max(round(_BLOCK_SECONDS * self.rate), end - start)
            audio = read_audio(
                self.path,
                sample_rate=self.rate,
                start=self.offset + start,
                num_samples=count,
                track=self.track,
            )
            self.block, self.block_start = to_int16(audio), start
        return self.block[start - self.block_start : end - self.block_start]
