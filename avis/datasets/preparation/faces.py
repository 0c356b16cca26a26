"""Crops and audio of the face tracks of AVA-ActiveSpeaker, from its videos and csv files.

As in the preparation of TalkNet (TaoRuijie/TalkNet-ASD, utils/tools.py): a crop is the box
truncated to whole pixels, the audio of a track ends at the time of its last frame.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.datasets.preparation.clips import WavFile, read_pcm
from avis.datasets.preparation.files import ClipFiles, RawVideos
from avis.datasets.preparation.running import PreparationJob
from avis.datasets.readers.errors import broken_data_error
from avis.datasets.readers.video import walk_video
from avis.synthetic.writing import save_jpeg, save_wav
from avis.utils.ava_csv import FaceRows, read_face_rows


@dataclass(frozen=True)
class FaceTrackFiles:
    """The crops and the audio of one face track.

    Attributes:
        times: Second of the video of each frame, ascending.
        boxes: Corners x1 y1 x2 y2 relative to the frame, (T, 4).
        crops: File of each frame.
        wav: Its audio.
    """

    times: tuple[float, ...]
    boxes: NDArray[np.float64]
    crops: tuple[str, ...]
    wav: WavFile


@dataclass(frozen=True)
class FaceJob:
    """The face tracks of one video.

    Attributes:
        name: Name of the video.
        source: Path of the video; None if there is none.
        tracks: Its face tracks.
    """

    name: str
    source: str | None
    tracks: tuple[FaceTrackFiles, ...]

    def targets(self) -> list[str]:
        """Return the paths of all files."""
        return [path for track in self.tracks for path in (*track.crops, track.wav.path)]

    def write(self, files: ClipFiles) -> None:
        """Write the files, decoding each frame of the video once.

        Raises:
            BrokenDataError: The video cannot be read, has no audio, or a box is outside of it.
        """
        assert self.source is not None
        for track in self.tracks:
            samples = read_pcm(self.source, track.wav, start=track.times[0])
            save = partial(save_wav, samples=samples, rate=track.wav.sample_rate)
            files.write(track.wav.path, save)
        shown: dict[float, list[tuple[NDArray[np.float64], str]]] = {}
        for track in self.tracks:
            for time, box, path in zip(track.times, track.boxes, track.crops, strict=True):
                shown.setdefault(time, []).append((box, path))
        times = sorted(shown)
        for time, image in zip(times, walk_video(self.source, times), strict=True):
            for box, path in shown[time]:
                face = _crop(self.source, time, image, box)
                files.write(path, partial(save_jpeg, image=face))


def _crop(
    source: str, time: float, image: NDArray[np.uint8], box: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Cut a box out of the frame that ``source`` shows at ``time``."""
    height, width = image.shape[:2]
    x1, y1, x2, y2 = (box * (width, height, width, height)).astype(int).tolist()
    crop = image[max(y1, 0) : y2, max(x1, 0) : x2]
    if not crop.size:
        raise broken_data_error(source, f'has no pixels in the box {box.tolist()} at {time:.2f} s')
    return crop


def plan_ava(root: Path, videos: RawVideos) -> list[PreparationJob]:
    """AVA-ActiveSpeaker: crops and audio of the tracks in ``csv/train`` and ``csv/val``."""
    jobs: list[PreparationJob] = []
    for split in ('train', 'val'):
        for path in sorted((root / 'csv' / split).glob('[!.]*.csv')):
            rows = read_face_rows(path)
            for video, members in rows.tracks().items():
                source, _ = videos.find(video)
                tracks = tuple(_tracks(root, split, rows, members))
                jobs.append(FaceJob(video, source, tracks))
    if not jobs:
        raise FileNotFoundError(f'{root}: expected csv files in csv/train or csv/val.')
    return jobs


def _tracks(
    root: Path, split: str, rows: FaceRows, members: Mapping[str, list[int]]
) -> list[FaceTrackFiles]:
    """The face tracks of a video by their rows; of two rows of one time the first counts."""
    tracks = []
    for entity, found in members.items():
        video = rows.videos[found[0]]
        times, first = np.unique(rows.times[found], return_index=True)
        folder = root / 'clips_videos' / split / video / entity
        seconds: Any = float(times[-1] - times[0])
        wav = root / 'clips_audios' / split / video / f'{entity}.wav'
        tracks.append(
            FaceTrackFiles(
                times=tuple(times.tolist()),
                boxes=rows.boxes[np.asarray(found)[first]],
                crops=tuple(str(folder / f'{time:.2f}.jpg') for time in times),
                wav=WavFile(str(wav), seconds),
            )
        )
    return tracks
