"""A film of a video with its predicted instances, frame by frame, for videos of any length."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avis.datasets.readers.images import read_image
from avis.datasets.readers.sound import NoSoundError, read_sound, sound_info
from avis.datasets.readers.video import walk_video
from avis.structures.av_data_sample import AVDataSample
from avis.structures.video_record import VideoRecord
from avis.utils.mp4 import to_int16
from avis.visualization.tracks import draw_tracks
from avis.visualization.video_writer import write_film

_BLOCK_SECONDS = 10
_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)


def write_track_film(
    path: str | Path, record: VideoRecord, sample: AVDataSample, *, classes: Sequence[str] = ()
) -> None:
    """Write a video with the masks of ``pred_tracks`` in the colours of their identities.

    Frames and sound are read again from the files of the record, piece by piece.

    Args:
        path: Of the MP4.
        record: Where the video lies.
        sample: Of the whole video; ``frame_ids`` tells which frames it has.
        classes: Names of the classes; their numbers without.
    """
    frame_ids = np.asarray(sample.get('frame_ids', range(record['length'])))
    reader = _SoundBlocks.of(record, frame_ids)
    write_film(
        path,
        _drawn(record, frame_ids, sample, classes),
        fps=record['fps'],
        sound=reader,
        sample_rate=16000 if reader is None else reader.rate,
    )


def walk_frames(record: VideoRecord, frame_ids: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
    """The frames of a video one after the other, RGB (H, W, 3)."""
    frames = record['frames']
    if isinstance(frames, str):
        yield from walk_video(frames, frame_ids / record['fps'])
    else:
        yield from (read_image(frames[number]) for number in frame_ids)


def _drawn(
    record: VideoRecord,
    frame_ids: NDArray[np.int64],
    sample: AVDataSample,
    classes: Sequence[str],
) -> Iterator[NDArray[np.uint8]]:
    tracks = sample.pred_tracks
    ids, labels = tracks.ids.tolist(), tracks.labels.tolist()
    captions = {
        number: f'{classes[label] if classes else f"class {label}"} {number}'
        for number, label in zip(ids, labels, strict=True)
    }
    for t, frame in enumerate(walk_frames(record, frame_ids)):
        masks = {
            number: track.dense(t)
            for number, track in zip(ids, tracks.masks, strict=True)
            if track.rles[t] is not None
        }
        yield draw_tracks(frame, masks, captions)


class _SoundBlocks:
    """Reads the sound of a file block by block, as a film asks for it."""

    def __init__(self, path: str, rate: int, start: int) -> None:
        self.path = path
        self.rate = rate
        self.offset = start  # sample of the file at which the film begins
        self.begin = 0
        self.block = np.zeros(0, np.int16)

    @classmethod
    def of(cls, record: VideoRecord, frame_ids: NDArray[np.int64]) -> '_SoundBlocks | None':
        """The sound of a record; None if it has none, or frames were left out of the film."""
        audio = record['audio']
        if audio is None or audio.endswith('.pkl') or (np.diff(frame_ids) != 1).any():
            return None
        try:
            native = sound_info(audio).sample_rate
        except NoSoundError:
            return None
        rate = native if native in _AAC_RATES else 16000
        return cls(audio, rate, round(frame_ids[0] / record['fps'] * rate))

    def __call__(self, start: int, end: int) -> NDArray[np.int16]:
        """Samples ``start`` to ``end`` of the film; both only ever grow."""
        if end > self.begin + len(self.block):
            count = max(round(_BLOCK_SECONDS * self.rate), end - start)
            sound = read_sound(
                self.path, sample_rate=self.rate, start=self.offset + start, num_samples=count
            )
            self.block, self.begin = to_int16(sound), start
        return self.block[start - self.begin : end - self.begin]
