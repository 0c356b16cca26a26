"""What a preparation writes for each benchmark, from its annotation files and raw videos.

The readers of the benchmarks say where the files belong; here is only which frames and which audio
they contain. :data:`PLANS` and :data:`PHASED_PLANS` have a function per benchmark.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from avis.datasets.av_dataset import AVDataset
from avis.datasets.aviseg import AVISeg
from avis.datasets.avsbench import AVSBenchMS3, AVSBenchS4, AVSBenchSemantic
from avis.datasets.avtrack import AVTrack
from avis.datasets.preparation.clips import ClipJob, LastOfSixteen, RegularTimes, WavFile
from avis.datasets.preparation.faces import plan_ava
from avis.datasets.preparation.files import RawVideos
from avis.datasets.preparation.running import PreparationJob
from avis.structures.video_record import VideoRecord
from avis.utils.source_boxes import VGGSS_SILENT, read_clip_list, read_silent_pairs, read_vggss
from avis.utils.tables import read_rows

Plan = Callable[[Path, RawVideos], list[PreparationJob]]
"""Maps the root of a data set, which contains its annotation files, and its raw videos to jobs."""

_AVSBENCH_SIZE = (224, 224)
_VGGSS_SECONDS = 10


def plan_avsbench(root: Path, videos: RawVideos) -> list[PreparationJob]:
    """S4 and MS3: 5 frames of 224 x 224, wav of 16 kHz and log-mel examples.

    Args:
        root: Folder of either subset, or of both, ``Single-source`` and ``Multi-sources``.
        videos: The raw videos.
    """
    jobs: list[PreparationJob] = []
    for kind, folder, table in (
        (AVSBenchS4, 'Single-source', 's4_meta_data.csv'),
        (AVSBenchMS3, 'Multi-sources', 'ms3_meta_data.csv'),
    ):
        found = [path for path in (root, root / folder) if (path / table).is_file()]
        for path in found[:1]:
            outputs = ('visual_frames', 'audio_wav', 'audio_log_mel')
            _make_folders(path, [f'{kind.FILES}/{name}' for name in outputs])
            log_mels = _records(kind, path, audio='log_mel')
            for record, log_mel in zip(_records(kind, path, audio='wav'), log_mels, strict=True):
                jobs.append(
                    _job(
                        record,
                        videos,
                        times=LastOfSixteen(),
                        size=_AVSBENCH_SIZE,
                        seconds=record['length'],
                        log_mel=log_mel['audio'],
                    )
                )
    if not jobs:
        raise FileNotFoundError(
            f'{root}: expected s4_meta_data.csv or ms3_meta_data.csv, or a folder Single-source or '
            f'Multi-sources with it.'
        )
    return jobs


def plan_avss(root: Path, videos: RawVideos) -> list[PreparationJob]:
    """AVSS: 5 or 10 frames of the size of the video, wav of 16 kHz."""
    return [
        _job(record, videos, times=LastOfSixteen(), seconds=record['length'])
        for record in _records(AVSBenchSemantic, root)
    ]


def plan_aviseg(root: Path, videos: RawVideos, *, phase: float) -> list[PreparationJob]:
    """AVISeg: one frame per second in the annotated size, stereo wav of 44.1 kHz.

    Args:
        root: Folder with ``train.json`` and so on.
        videos: The raw videos.
        phase: Moment of each second that its frame shows, 0 to 1, which the release does not state.
    """
    splits = [split for split in AVISeg.SPLITS if (root / f'{split}.json').is_file()]
    _make_folders(root, [f'{s}/{name}' for s in splits for name in ('JPEGImages', 'WAVAudios')])
    return [
        _job(
            record,
            videos,
            times=RegularTimes(record['fps'], phase),
            size=(record['height'], record['width']),
            sample_rate=44100,
            channels=2,
        )
        for split in splits
        for record in _load(AVISeg(split=split, data_root=str(root), lazy_init=True))
    ]


def plan_avtrack(root: Path, videos: RawVideos, *, phase: float) -> list[PreparationJob]:
    """AVTrack: one frame per second in the annotated size, wav of 16 kHz.

    Args:
        root: Folder with ``avtrack_meta.json`` and the masks.
        videos: The raw videos.
        phase: As for :func:`plan_aviseg`.
    """
    _make_folders(root, ['Images', 'Audios'])
    return [
        _job(
            record,
            videos,
            times=RegularTimes(record['fps'], phase),
            size=(record['height'], record['width']),
        )
        for record in _load(AVTrack(data_root=str(root), lazy_init=True))
    ]


def plan_vggss(root: Path, videos: RawVideos) -> list[PreparationJob]:
    """VGG-SS: the frame in the middle of each clip of 10 s, and its audio as wav of 16 kHz.

    Args:
        root: Folder with ``vggss.json``, lists ``vggss_*.csv`` of clips, or both.
        videos: Files of clips, ``<video>_<second>``, or of whole videos.
    """
    jobs: list[PreparationJob] = []
    for name in _vggss_clips(root):
        source, start = videos.find(name)
        wav = WavFile(str(root / 'audio' / f'{name}.wav'), _VGGSS_SECONDS)
        frames = (str(root / 'frames' / f'{name}.jpg'),)
        times = RegularTimes(1 / _VGGSS_SECONDS, 0.5)
        jobs.append(ClipJob(name, source, start, frames, times, wav))
    return jobs


def _vggss_clips(root: Path) -> list[str]:
    """The clips with boxes, those in lists of names, and those of silent pairs."""
    path = root / 'vggss.json'
    names = [*read_vggss(path)] if path.is_file() else []
    for table in sorted(root.glob('vggss_*.csv')):
        if table.name == VGGSS_SILENT:
            names += [name for pair in read_silent_pairs(table) for name in pair]
        else:
            names += read_clip_list(table)
    if not names:
        raise FileNotFoundError(f'{root}: expected clips in vggss.json or vggss_*.csv.')
    return list(dict.fromkeys(names))


PLANS: dict[str, Plan] = {
    'avsbench': plan_avsbench,
    'avss': plan_avss,
    'vggss': plan_vggss,
    'ava': plan_ava,
}
PHASED_PLANS: dict[str, Callable[..., list[PreparationJob]]] = {
    'aviseg': plan_aviseg,
    'avtrack': plan_avtrack,
}
"""Those that also take ``phase``."""


def _make_folders(root: Path, names: Iterable[str]) -> None:
    """Create the folders that the readers require and a preparation fills."""
    for name in names:
        (root / name).mkdir(parents=True, exist_ok=True)


def _load(dataset: AVDataset) -> list[VideoRecord]:
    records: list[VideoRecord] = dataset.load_data_list()
    return records


def _records(kind: type[Any], root: Path, **options: Any) -> list[VideoRecord]:
    """The records of all splits that the csv of a data set has."""
    dataset = kind(split='train', data_root=str(root), lazy_init=True)
    header, *rows = read_rows(dataset.ann_file)
    column = kind.SPLIT_COLUMN
    position = header.index(column) if isinstance(column, str) else column
    present = {row[position].strip() for row in rows if row}
    return [
        record
        for split in kind.SPLITS
        if split in present
        for record in _load(kind(split=split, data_root=str(root), lazy_init=True, **options))
    ]


def _job(
    record: VideoRecord,
    videos: RawVideos,
    *,
    times: Any,
    size: tuple[int, int] | None = None,
    seconds: float | None = None,
    log_mel: str | None = None,
    **audio: int,
) -> ClipJob:
    """The job of a record of a reader."""
    source, start = videos.find(record['video_name'])
    assert record['audio'] is not None
    wav = WavFile(record['audio'], seconds, **audio)
    frames = tuple(record['frames'])
    return ClipJob(record['video_name'], source, start, frames, times, wav, size, log_mel)
