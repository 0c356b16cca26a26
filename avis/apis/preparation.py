"""Prepare a data set from raw videos: the functions behind ``avis data prepare``."""

import json
import os
from pathlib import Path
from typing import Literal

from mmengine.config import Config

from avis.apis.audio_features import extract_audio_features
from avis.datasets.av_dataset import AVDataset
from avis.datasets.aviseg import AVISeg
from avis.datasets.avtrack import AVTrack
from avis.datasets.label_formats.formats import read_labels
from avis.datasets.preparation.benchmarks import PHASED_PLANS, PLANS
from avis.datasets.preparation.custom import (
    CustomSettings,
    inspect_videos,
    plan_custom,
    write_annotations,
)
from avis.datasets.preparation.files import RawVideos
from avis.datasets.preparation.running import PreparationReport, run_preparation
from avis.utils.atomic import write_atomic
from avis.utils.file_names import path_inside

ModelSize = Literal['small', 'r50']

_CONFIG = '''"""AVISM on own classes, in {root}; made by `avis data prepare custom`."""

from mmengine.config import read_base

with read_base():
{bases}

classes = {classes}
num_classes = len(classes)
for loader in (train_dataloader, val_dataloader, test_dataloader):
    loader.dataset.update(data_root={root!r}, metainfo=dict(classes=classes))
model.frame_head.num_classes = num_classes
model.frame_head.loss_set.num_classes = num_classes
model.tracker.head.num_classes = num_classes
model.tracker.loss_set.num_classes = num_classes

val_evaluator.update(protocol='corrected', write_blanks=False)
test_evaluator.update(protocol='corrected', write_blanks=False)
'''
_SMALL = """
# The small model reads the waveform, at 128 pixels.
for loader in (train_dataloader, val_dataloader, test_dataloader):
    loader.dataset.pipeline.load_audio = dict(type=LoadAudio, sample_rate=16000, max_padding=1.0)
    loader.num_workers = 1
train_dataloader.batch_size = 4
train_dataloader.dataset.pipeline.random_crop = None
train_dataloader.dataset.pipeline.resize.update(short_side=128, max_long_side=256)
for loader in (val_dataloader, test_dataloader):
    loader.dataset.pipeline.load_frames.resize.update(short_side=128, max_long_side=256)
default_hooks.checkpoint.update(interval=350, save_best='aviseg_corrected/HOTA')
"""
_BASES = {
    'small': (
        '_base_.datasets.aviseg',
        '_base_.iteration_runtime',
        '_base_.models.avism_small',
        '_base_.schedules.adamw_linear_1400',
    ),
    'r50': ('avis.avism.avism_r50_in_aviseg',),
}


def prepare_benchmark(
    name: str,
    videos: str | Path,
    root: str | Path,
    *,
    phase: float | None = None,
    vggish: str | Path | None = None,
    processes: int = 1,
) -> PreparationReport:
    """Add frames and audio of raw videos to the annotation files of a benchmark.

    Existing files stay, so an interrupted run can be resumed; each file appears under its name when
    all files of its clip are complete. The report is also written to ``preparation_report.json``.

    Args:
        name: 'avsbench', 'avss', 'aviseg', 'avtrack', 'vggss' or 'ava'.
        videos: Folder with the raw videos, named as the clips, or with whole videos from which
            clips named ``<video>_<start>_<end>`` are cut.
        root: Folder of the data set with its annotation files and masks.
        phase: Moment of each second that its frame shows, 0 to 1; for AVISeg and AVTrack, whose
            releases do not state it.
        vggish: Weights of VGGish, to write the features of AVISeg and AVTrack too.
        processes: Number of clips at a time.

    Raises:
        FileNotFoundError: The videos or the annotation files do not exist.
        ValueError: ``phase`` or ``vggish`` is missing, or of no use for this benchmark; or a name
            in the annotation files leads out of ``root``.
    """
    root, found = Path(root), RawVideos(videos)
    if name in PHASED_PLANS:
        if phase is None or not 0 <= phase < 1:
            raise ValueError(
                f'{name}: expected a phase from 0 to below 1, got {phase}: its release does not '
                f'state which moment of a second a frame shows; 0 is the start, 0.5 the middle'
            )
        jobs = PHASED_PLANS[name](root, found, phase=phase)
    else:
        if phase is not None or vggish is not None:
            raise ValueError(f'{name} takes neither a phase nor weights of VGGish')
        jobs = PLANS[name](root, found)
    for path in [path for job in jobs for path in job.targets()]:
        path_inside(root, os.path.relpath(path, root))
    report = run_preparation(jobs, processes=processes)
    if vggish is not None:
        kind: type[AVDataset] = AVISeg if name == 'aviseg' else AVTrack
        _write_features(kind, root, vggish, processes, report)
    report.save(root)
    return report


def prepare_custom(
    videos: str | Path,
    root: str | Path,
    *,
    labels: str | Path | None = None,
    settings: CustomSettings | None = None,
    vggish: str | Path | None = None,
    processes: int = 1,
) -> PreparationReport:
    """Make a data set of own videos and labels in the layout of AVISeg.

    Without labels only frames and audio are written, to be labeled; the same call with labels adds
    the annotations. Videos without labels or with labels that do not fit are reported.

    Args:
        videos: Folder with the videos.
        root: Folder of the data set.
        labels: Labels in a format of :func:`~avis.datasets.label_formats.formats.read_labels`.
        settings: Frames per second and splits; None for the defaults.
        vggish: Weights of VGGish, to write the features too.
        processes: Number of videos at a time.

    Raises:
        FileNotFoundError: Videos or labels do not exist.
        ValueError: The labels are invalid, or there are too few videos.
    """
    root, found = Path(root), RawVideos(videos)
    settings = settings or CustomSettings()
    known = {} if labels is None else {video.name: video for video in read_labels(labels)}
    inspected = inspect_videos(found, settings, processes=processes)
    report = run_preparation(
        plan_custom(root, found, inspected, fps=settings.fps), processes=processes
    )
    for name in report.broken:
        del inspected.infos[name]
    report.broken.update(inspected.broken)
    if labels is not None:
        report.broken.update(write_annotations(root, inspected, known, fps=settings.fps))
        report.missing += [name for name in known if name not in found.paths]
    if vggish is not None and labels is not None:
        _write_features(AVISeg, root, vggish, processes, report)
    report.save(root)
    return report


def write_custom_config(path: str | Path, root: str | Path, *, model: ModelSize = 'small') -> None:
    """Write a config that trains AVISM on a data set of :func:`prepare_custom`.

    Args:
        path: The config; an existing file stays.
        root: Folder of the data set, whose ``train.json`` names the classes.
        model: 'small' is trained from scratch, on the waveform; 'r50' is AVISM with ResNet-50, on
            features of VGGish.
    """
    if Path(path).exists():
        return
    content = json.loads((Path(root) / 'train.json').read_text(encoding='utf-8'))
    classes = tuple(category['name'] for category in content['categories'])
    bases = '\n'.join(f'    from avis.configs.{name} import *' for name in _BASES[model])
    text = _CONFIG.format(root=str(root), bases=bases, classes=classes)
    write_atomic(path, text + (_SMALL if model == 'small' else ''))


def _write_features(
    kind: type[AVDataset],
    root: Path,
    weights: str | Path,
    processes: int,
    report: PreparationReport,
) -> None:
    """Write the VGGish features of all splits."""
    splits = list(kind.SPLITS)
    if kind is AVISeg:
        splits = [split for split in splits if (root / f'{split}.json').is_file()]
    loaders = {
        f'{split}_dataloader': {'dataset': {'type': kind, 'split': split, 'data_root': str(root)}}
        for split in splits
    }
    done = extract_audio_features(Config(loaders), weights=weights, processes=processes)
    report.features += done.problems
