"""AVA-ActiveSpeaker: faces in movies and, for each of their frames, whether they speak audibly.

Roth et al., *AVA-ActiveSpeaker: An Audio-Visual Dataset for Active Speaker Detection* (ICASSP 2020,
arXiv:1901.01342). One record is one face track.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from avis.datasets.av_dataset import AVDataset
from avis.datasets.vis import log_warnings
from avis.registry import DATASETS
from avis.structures.video_record import VideoRecord
from avis.utils.ava_csv import SPEECH_LABELS, FaceRows, read_face_rows, speaker_names
from avis.utils.media_files import find_by_stem

FaceSource = Literal['crops', 'videos']

_VIDEO_FOLDERS = ('videos/trainval', 'orig_videos/trainval', 'videos')  # the last: AVA-AVD
_FRAME_RATES = (24000 / 1001, 24.0, 25.0, 30000 / 1001, 30.0, 50.0, 60000 / 1001, 60.0)
_LONGEST_STEP = 1.5  # frames; a longer one is a gap
_DEFAULT_FPS = 25.0  # of a video whose tracks have one frame each


@DATASETS.register_module()
class AVAActiveSpeaker(AVDataset):
    """Face tracks with one label per frame: not speaking, speaking audibly, speaking inaudibly.

    ``video_id`` of a record is the entity of the csv; it is an identity within one track only,
    because a person gets a new entity every minute and whenever the face is lost. ``fps`` is
    estimated from the times of all tracks of a video, as the files do not state it. Where frames
    are missing inside a track, it is divided into several records, ``<entity>#2`` and so on.
    ``attributes`` has the ``entity`` and, if a ninth column of the csv names them, the ``speaker``.

    Args:
        split: 'train' or 'val'; the labels of the test split are not public.
        data_root: Folder of the data set.
        ann_file: A csv file, or a folder of csv files, below ``data_root``; by default the first
            that exists of ``csv/<split>``, ``csv/<split>_orig.csv`` and
            ``csv/ava_activespeaker_<split>_v1.0``.
        faces: 'crops' reads face images and the audio of each track, which preprocessing has cut;
            'videos' cuts them from the videos on the fly.
        kwargs: Arguments of :class:`~avis.datasets.av_dataset.AVDataset`.
    """

    METAINFO: ClassVar[dict[str, Any]] = {'classes': SPEECH_LABELS}
    SPLITS: ClassVar[tuple[str, ...]] = ('train', 'val')
    LAYOUT: ClassVar[str] = """\
  csv/<split>/<video>-activespeaker.csv                    (or csv/<split>_orig.csv)
  clips_videos/<split>/<video>/<entity>/<second>.jpg       (faces='crops')
  clips_audios/<split>/<video>/<entity>.wav                (faces='crops')
  videos/trainval/<video>.{mp4,mkv,...}                    (faces='videos'; or orig_videos/...)"""

    def __init__(
        self,
        *,
        split: str,
        data_root: str = 'data/AVA-ActiveSpeaker',
        ann_file: str | None = None,
        faces: FaceSource = 'crops',
        **kwargs: Any,
    ) -> None:
        if faces not in get_args(FaceSource):
            raise ValueError(
                f'AVAActiveSpeaker: expected faces to be one of {get_args(FaceSource)}, got '
                f'{faces!r}'
            )
        self.faces = faces
        if ann_file is None:
            known = [f'csv/{split}', f'csv/{split}_orig.csv', f'csv/ava_activespeaker_{split}_v1.0']
            found = (name for name in known if (Path(data_root) / name).exists())
            ann_file = next(found, known[0])
        super().__init__(split=split, data_root=data_root, ann_file=ann_file, **kwargs)

    def load_data_list(self) -> list[VideoRecord]:
        """Read the csv files, and map each face track to a record."""
        crops = [f'clips_videos/{self.split}', f'clips_audios/{self.split}']
        self.require(*(crops if self.faces == 'crops' else ()))
        warnings: dict[str, list[str]] = defaultdict(list)
        videos = {} if self.faces == 'crops' else self._find_videos(warnings)
        records: list[VideoRecord] = []
        seen: dict[tuple[str, str], Path] = {}
        for path in self._csv_files():
            rows = read_face_rows(path, extra='speaker')
            rows = replace(rows, last=speaker_names(rows.last))
            for tracks in _group(rows, seen, warnings).values():
                fps = _estimate_fps([rows.times[track] for track in tracks.values()])
                for track in tracks.values():
                    records += self._records_of(rows, track, fps, videos, warnings)
        if not records:
            raise ValueError(f'{self.ann_file}: expected rows of faces, got none. Fetch it again.')
        log_warnings(warnings, f'AVAActiveSpeaker ({self.split})')
        return records

    def unlisted_videos(self) -> list[str]:
        """Videos whose files exist in the folder of crops, but which no csv contains."""
        if self.faces == 'videos':
            return []  # the folder has the videos of both splits
        listed = {self.record(index)['video_name'] for index in range(len(self))}
        folder = Path(self.data_root) / 'clips_videos' / self.split
        return sorted(path.name for path in folder.iterdir() if path.name not in listed)

    def _csv_files(self) -> list[Path]:
        path = Path(self.ann_file)
        files = sorted(path.glob('[!.]*.csv')) if path.is_dir() else [path]
        if not files:
            raise FileNotFoundError(
                f'AVAActiveSpeaker: {path} contains no csv file. Expected layout below '
                f'data_root={str(self.data_root)!r}:\n{self.LAYOUT}'
            )
        return files

    def _find_videos(self, warnings: dict[str, list[str]]) -> dict[str, Path]:
        """The file of each video; its suffix differs from video to video."""
        folders = [Path(self.data_root) / name for name in _VIDEO_FOLDERS]
        folder = next((folder for folder in folders if folder.is_dir()), None)
        if folder is None:
            self.require(_VIDEO_FOLDERS[0])
            return {}
        found, second = find_by_stem(folder)
        if second:
            warnings['second file of a video, not used'] = [str(path) for path in second]
        return found

    def _records_of(
        self,
        rows: FaceRows,
        track: NDArray[np.int64],
        fps: float,
        videos: dict[str, Path],
        warnings: dict[str, list[str]],
    ) -> list[VideoRecord]:
        """Map the rows of a track to a record, or to several if frames are missing in it."""
        video, entity = rows.videos[track[0]], rows.entities[track[0]]
        breaks = np.flatnonzero(np.diff(rows.times[track]) * fps > _LONGEST_STEP) + 1
        if len(breaks):
            warnings['track with missing frames, divided'].append(f'{rows.path}: {entity}')
        records = []
        for number, piece in enumerate(np.split(track, breaks), start=1):
            start = float(rows.times[piece[0]])
            if self.faces == 'crops':
                start -= float(rows.times[track[0]])  # the audio is that of the track
            frames, audio = self._paths(video, entity, videos)
            record = VideoRecord(
                video_id=entity if number == 1 else f'{entity}#{number}',
                video_name=video,
                frames=str(frames),
                audio=str(audio),
                fps=fps,
                length=len(piece),
                height=0,  # the annotations do not state the size
                width=0,
                start=start,
                frame_times=rows.times[piece],
                face_boxes=rows.boxes[piece],
                speaking=rows.labels[piece].astype(np.int64),
                attributes=_attributes(rows, track, warnings),
            )
            records.append(record)
        return records

    def _paths(self, video: str, entity: str, videos: dict[str, Path]) -> tuple[Path, Path]:
        """Folder of the crops and audio file of a track, or twice the file of its video."""
        root = Path(self.data_root)
        if self.faces == 'videos':
            file = videos.get(video, root / _VIDEO_FOLDERS[0] / f'{video}.mp4')
            return file, file
        clips, audio = (root / f'clips_{kind}' / self.split for kind in ('videos', 'audios'))
        return clips / video / entity, audio / video / f'{entity}.wav'


def _attributes(
    rows: FaceRows, track: NDArray[np.int64], warnings: dict[str, list[str]]
) -> dict[str, str]:
    """The entity and, if the rows name one, the speaker of a track."""
    entity = rows.entities[track[0]]
    speakers = sorted({rows.last[row] for row in track} - {''})
    if len(speakers) > 1:
        warnings['track of several speakers, the first counts'].append(f'{rows.path}: {entity}')
    return {'entity': entity, **({'speaker': speakers[0]} if speakers else {})}


def _group(
    rows: FaceRows, seen: dict[tuple[str, str], Path], warnings: dict[str, list[str]]
) -> dict[str, dict[str, NDArray[np.int64]]]:
    """Rows of each track in the order of time, by video and entity; of repeated rows the first."""
    grouped: dict[str, dict[str, NDArray[np.int64]]] = {}
    for video, tracks in rows.tracks().items():
        grouped[video] = {}
        for entity, members in tracks.items():
            other = seen.setdefault((video, entity), rows.path)
            if other != rows.path:
                raise ValueError(
                    f'{rows.path}: entity {entity!r} of video {video!r} is in {other} too. Keep '
                    f'one copy of each csv file in the folder.'
                )
            times, first = np.unique(rows.times[members], return_index=True)
            if len(times) < len(members):
                warnings['row with the time of another one, left out'].append(
                    f'{rows.path}: {entity}'
                )
            grouped[video][entity] = np.asarray(members)[first]
    return grouped


def _estimate_fps(tracks: Sequence[NDArray[np.float64]]) -> float:
    """Frames per second of a video from the rounded times of its tracks.

    >>> _estimate_fps([np.array([900.0, 900.03, 900.07, 900.1])])
    30.0
    """
    steps = np.concatenate([np.diff(times) for times in tracks])
    if not len(steps):
        return _DEFAULT_FPS
    without_gaps = steps[steps <= _LONGEST_STEP * np.median(steps)]
    fps = 1 / float(without_gaps.mean())
    near = [rate for rate in _FRAME_RATES if abs(rate - fps) <= 0.01 * fps]
    return min(near, key=lambda rate: _rounding(tracks, rate), default=fps)


def _rounding(tracks: Sequence[NDArray[np.float64]], fps: float) -> float:
    """Sum of squares of what remains of the times if the frames are shown at a frame rate."""
    total = 0.0
    for times in tracks:
        frames = np.concatenate([[0], np.cumsum(np.rint(np.diff(times) * fps))])
        total += float(np.var(times - frames / fps) * len(times))
    return total
