"""The tools that are killed, with tiny inputs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from avis.apis import evaluate
from avis.datasets.label_formats.formats import save_labels
from avis.datasets.label_formats.labels import LabeledTrack, LabeledVideo
from avis.structures.masks import encode_mask
from tests.helpers.painted import CONFIG, SIZE, mask_of, passing, write_data, write_video
from tests.helpers.runs import ROOT, TINY_CONFIG
from tests.helpers.small_sets import write_vis
from tests.helpers.tracker_set import PLAN, write_set

_SPEAKERS = ROOT / 'tests' / 'configs' / 'speakers.py'
_VIDEOS = {f'video{number}': passing(8 + number) for number in range(3)}


@dataclass(frozen=True)
class Tool:
    """A command and its inputs.

    Attributes:
        words: Words after ``avis``. The command is started in an empty folder beside ``inputs``.
        prepare: Writes the inputs to a folder.
        ignored: Patterns of files that differ between any two runs.
    """

    words: str
    prepare: Callable[[Path], object]
    ignored: tuple[str, ...] = ()


def _write_painted(folder: Path) -> None:
    write_data(folder, _VIDEOS)


def _write_videos(folder: Path) -> None:
    """Videos and labels of their boxes."""
    labels = []
    for name, scene in _VIDEOS.items():
        write_video(folder / f'{name}.mp4', scene)
        tracks = [
            LabeledTrack(k, f'color{k}', {t: encode_mask(mask_of(boxes[k]))})
            for t, boxes in enumerate(scene[:1])
            for k in boxes
        ]
        labels.append(LabeledVideo(name, *SIZE, tracks=tracks, of_video_file=True))
    save_labels(labels, folder / 'labels', form='cvat-video')


def _write_speakers(folder: Path) -> None:
    write_set(folder)
    entries = [
        {
            'video': str((folder / 'frames' / name).resolve()),
            'audio': str((folder / 'sound' / f'{name}.wav').resolve()),
        }
        for name in PLAN
    ]
    (folder / 'list.yml').write_text(yaml.safe_dump(entries))


def _write_evaluation(folder: Path) -> None:
    gt, pred = write_vis(folder, videos=2)
    evaluate('aviseg', gt, pred, out=folder / 'evaluation')


_LOGS = ('run/2*', 'run/2*/**', 'run/2*/*/*')  # in folders named by the time
_IN_WINDOWS = 'none ../inputs --out out --window 4 --overlap 0'
TOOLS = {
    'train': Tool(
        f'train {TINY_CONFIG} --work-dir run --resume',
        lambda _: None,
        (*_LOGS, 'run/tiny.py'),  # states the checkpoint from which its run resumed
    ),
    'test': Tool(
        f'test {CONFIG} none --work-dir run --out out/predictions.json --show-dir out/images '
        f'--cfg-options test_dataloader.dataset.data_root=../inputs',
        _write_painted,
        _LOGS,
    ),
    'infer': Tool(f'infer {CONFIG} {_IN_WINDOWS} --export rttm', _write_videos),
    'infer speakers': Tool(
        f'infer {_SPEAKERS} none ../inputs/list.yml --out out --fps 2 --cfg-options model.folder=.',
        _write_speakers,
        ('calls_0.txt',),  # all work of all runs
    ),
    'evaluate': Tool(
        'evaluate aviseg --gt ../inputs/gt.json --pred ../inputs/results.json --diagnose --by '
        'scene --out out',
        write_vis,
    ),
    'report': Tool(
        'report ../inputs/evaluation --out report.html --figures figures', _write_evaluation
    ),
    'data make': Tool(
        'data make --layout avsbench_ms3 --videos 3 --size 32x32 --out out --with-mp4 '
        '--video-fps 5',
        lambda _: None,
    ),
    'data prepare': Tool(
        'data prepare custom --videos ../inputs --out out --fps 5 --labels ../inputs/labels '
        '--shares 0.4 0.3 0.3 --config mine.py',
        _write_videos,
        ('out/preparation_report.json',),  # states what its run did
    ),
    'data shards': Tool(
        f'data shards {CONFIG} --split test --clips 1 --out out --cfg-options '
        f'test_dataloader.dataset.data_root=../inputs',
        _write_painted,
    ),
    'data labels': Tool('data labels ../inputs/labels out --to labelme', _write_videos),
}
