"""AVSBench-object: ``Single-source`` (S4) and ``Multi-sources`` (MS3)."""

import csv
from pathlib import Path

import numpy as np

from avis.datasets.synthetic.casting import Job
from avis.datasets.synthetic.layouts.naming import video_id
from avis.datasets.synthetic.log_mel import RATE, log_mel_examples, save_as_torch_pickle
from avis.datasets.synthetic.recipe import Recipe
from avis.datasets.synthetic.scene import Stage
from avis.datasets.synthetic.writing import to_int16, write_png, write_wav

# The official preparation keeps the last of 16 frames of each second.
FRAME_PHASE = 15 / 16
CATEGORIES = {
    'man': 'male_speech',
    'woman': 'female_singing',
    'guitar': 'playing_acoustic_guitar',
    'dog': 'dog_barking',
    'bell': 'playing_glockenspiel',
    'car': 'race_car',
    'violin': 'playing_violin',
}


def write_s4_video(root: Path, recipe: Recipe, job: Job, stage: Stage) -> list[str]:
    """Write one S4 clip; returns its row of ``s4_meta_data.csv``."""
    start = 1000 * (job.index % 90)
    name = f'{video_id(job)}_{start}_{start + 1000 * stage.scene.seconds}'
    category = CATEGORIES[_source(stage)]
    data, inner = root / 's4_data', Path(job.split, category)
    _write_sound(data, inner, name, stage)
    # Training clips of the published set carry a label on the first frame only.
    labelled = 1 if job.split == 'train' else stage.scene.seconds
    _write_frames(
        data / 'visual_frames' / inner / name,
        data / 'gt_masks' / inner / name,
        name,
        stage,
        labelled,
    )
    return [name, str(start), category, job.split]


def write_ms3_video(root: Path, recipe: Recipe, job: Job, stage: Stage) -> list[str]:
    """Write one MS3 clip; returns its row of ``ms3_meta_data.csv``."""
    name = f'{video_id(job)}_{job.index % 9}'
    data = root / 'ms3_data'
    _write_sound(data, Path(job.split), name, stage)
    frames, masks = data / 'visual_frames' / name, data / 'gt_masks' / job.split / name
    # The published frames are called <video>.mp4_<n>.png, the masks are not.
    _write_frames(frames, masks, name, stage, stage.scene.seconds, frame_stem=f'{name}.mp4')
    return [name, job.split]


def write_s4_index(root: Path, recipe: Recipe, rows: list[list[str]]) -> None:
    """Write ``s4_meta_data.csv``."""
    _write_csv(root / 's4_meta_data.csv', ['name', 'start', 'category', 'split'], rows)


def write_ms3_index(root: Path, recipe: Recipe, rows: list[list[str]]) -> None:
    """Write ``ms3_meta_data.csv``."""
    _write_csv(root / 'ms3_meta_data.csv', ['video_id', 'split'], rows)


def _source(stage: Stage) -> str:
    """Kind of the one source of an S4 clip: the actor with turns."""
    return next(actor.identity.kind for actor in stage.scene.actors if actor.turns)


def _write_sound(data: Path, inner: Path, name: str, stage: Stage) -> None:
    samples = to_int16(stage.sound(RATE))
    for folder in ('audio_wav', 'audio_log_mel'):
        (data / folder / inner).mkdir(parents=True, exist_ok=True)
    write_wav(data / 'audio_wav' / inner / f'{name}.wav', samples, RATE)
    examples = log_mel_examples(samples, stage.scene.seconds)
    save_as_torch_pickle(data / 'audio_log_mel' / inner / f'{name}.pkl', examples)


def _write_frames(
    frames: Path,
    masks: Path,
    name: str,
    stage: Stage,
    labelled: int,
    frame_stem: str | None = None,
) -> None:
    frames.mkdir(parents=True)
    masks.mkdir(parents=True)
    for second in range(stage.scene.seconds):
        image, owner = stage.draw(second + FRAME_PHASE)
        write_png(frames / f'{frame_stem or name}_{second + 1}.png', image)
        if second < labelled:
            union = np.zeros(owner.shape, np.uint8)
            for mask in stage.masks(owner, second).values():
                union[mask] = 255
            write_png(masks / f'{name}_{second + 1}.png', union)


def _write_csv(path: Path, header: list[str], rows: list[list[str]]) -> None:
    with path.open('w', newline='') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(header)
        writer.writerows(rows)
