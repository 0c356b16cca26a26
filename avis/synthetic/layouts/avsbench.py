"""AVSBench-object: ``Single-source`` (S4) and ``Multi-sources`` (MS3)."""

from pathlib import Path

import numpy as np

from avis.synthetic.casting import Job
from avis.synthetic.layouts.naming import platform_id, start_second, timed_id
from avis.synthetic.log_mel import MEL_SAMPLE_RATE, log_mel_examples, save_torch_pickle
from avis.synthetic.recipe import Recipe
from avis.synthetic.scene import Stage
from avis.synthetic.writing import save_csv, save_flat_png, save_wav
from avis.utils.mp4 import to_int16

# The official preparation keeps the last of 16 frames of each second.
_FRAME_PHASE = 15 / 16
CATEGORIES = {
    'man': 'male_speech',
    'woman': 'female_singing',
    'guitar': 'playing_acoustic_guitar',
    'dog': 'dog_barking',
    'bell': 'playing_glockenspiel',
    'car': 'race_car',
    'violin': 'playing_violin',
}

s4_name = timed_id


def ms3_name(job: Job) -> str:
    """Name of a clip; its frame files append ``.mp4``."""
    return f'{platform_id(job)}_{job.index % 9}'


def write_s4_video(root: Path, job: Job, stage: Stage) -> list[str]:
    """Write one S4 clip; returns its row of ``s4_meta_data.csv``."""
    name, category = s4_name(job), CATEGORIES[sounding_kind(stage)]
    data, inner = root / 's4_data', Path(job.split, category)
    _write_audio(data, inner, name, stage)
    frames = data / 'visual_frames' / inner / name / name
    masks = data / 'gt_masks' / inner / name / name
    # Training clips of the official set have a label on the first frame only.
    _write_frames(frames, masks, stage, 1 if job.split == 'train' else job.seconds)
    return [name, str(1000 * start_second(job)), category, job.split]


def write_ms3_video(root: Path, job: Job, stage: Stage) -> list[str]:
    """Write one MS3 clip; returns its row of ``ms3_meta_data.csv``."""
    name, data = ms3_name(job), root / 'ms3_data'
    _write_audio(data, Path(job.split), name, stage)
    # The official frames are named <video>.mp4_<n>.png, the masks are not.
    frames = data / 'visual_frames' / name / f'{name}.mp4'
    _write_frames(frames, data / 'gt_masks' / job.split / name / name, stage, job.seconds)
    return [name, job.split]


def write_s4_index(root: Path, recipe: Recipe, rows: list[list[str]]) -> None:
    """Write ``s4_meta_data.csv``."""
    save_csv(root / 's4_meta_data.csv', ['name', 'start', 'category', 'split'], rows)


def write_ms3_index(root: Path, recipe: Recipe, rows: list[list[str]]) -> None:
    """Write ``ms3_meta_data.csv``."""
    save_csv(root / 'ms3_meta_data.csv', ['video_id', 'split'], rows)


def sounding_kind(stage: Stage) -> str:
    """Kind of the one source of a clip: the visible actor with turns."""
    return next(a.character.kind for a in stage.scene.actors if a.turns and a.visible)


def _write_audio(data: Path, inner: Path, name: str, stage: Stage) -> None:
    samples = to_int16(stage.audio(MEL_SAMPLE_RATE))
    for folder in ('audio_wav', 'audio_log_mel'):
        (data / folder / inner).mkdir(parents=True, exist_ok=True)
    save_wav(data / 'audio_wav' / inner / f'{name}.wav', samples, MEL_SAMPLE_RATE)
    examples = log_mel_examples(samples, stage.scene.seconds)
    save_torch_pickle(data / 'audio_log_mel' / inner / f'{name}.pkl', examples)


def _write_frames(frames: Path, masks: Path, stage: Stage, labeled: int) -> None:
    """Write ``<frames>_<n>.png`` and, of the first ``labeled`` ones, ``<masks>_<n>.png``."""
    frames.parent.mkdir(parents=True)
    masks.parent.mkdir(parents=True)
    for second in range(stage.scene.seconds):
        image, owner = stage.draw(second + _FRAME_PHASE)
        save_flat_png(frames.with_name(f'{frames.name}_{second + 1}.png'), image)
        if second < labeled:
            union = np.zeros(owner.shape, np.uint8)
            for mask in stage.masks(owner, second).values():
                union[mask] = 255
            save_flat_png(masks.with_name(f'{masks.name}_{second + 1}.png'), union)
