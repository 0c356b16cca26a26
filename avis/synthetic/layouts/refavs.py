"""Ref-AVS Bench: clips, one mask folder per referred source, and a csv of expressions."""

from pathlib import Path

import numpy as np

from avis.synthetic.canvas import Array
from avis.synthetic.casting import UNSEEN_KINDS, Job
from avis.synthetic.expressions import Expression, describe_absent, describe_scene, owner_value
from avis.synthetic.layouts.naming import timed_id
from avis.synthetic.recipe import Recipe
from avis.synthetic.scene import MIN_PIXELS, Stage
from avis.synthetic.writing import save_csv, save_flat_png, save_jpeg, save_wav
from avis.utils.mp4 import to_int16
from avis.utils.ref_avs_csv import NULL_OBJECT

_SAMPLE_RATE = 16000
_FRAME_PHASE = 0.5
_NULLS_EVERY = 4  # of the videos for training and validation, one in four has null references
_NULLS = 3  # null references of a clip

refavs_name = timed_id


def write_refavs_video(root: Path, job: Job, stage: Stage) -> list[list[str]]:
    """Write the clips of one video; returns their rows of ``metadata.csv``."""
    name, rng = refavs_name(job), job.rng(3)
    expressions = _choose(job, stage, describe_scene(stage.scene, rng))
    drawn = [stage.draw(second + _FRAME_PHASE) for second in range(job.seconds)]
    images, owners = [image for image, _ in drawn], np.stack([owner for _, owner in drawn])
    shown = [e for e in expressions if np.count_nonzero(owners == owner_value(e)) >= MIN_PIXELS]
    rows = []
    if shown:
        _write_media(root, name, stage, images)
        for number in sorted({owner_value(expression) for expression in shown}):
            _write_masks(root / 'gt_mask' / name / f'fid_{number - 1}', owners == number)
        rows = _rows(job, stage, name, shown)
    if job.subset == 'test_n' or (job.split != 'test' and job.index % _NULLS_EVERY == 0):
        clip = f'null_c-{name}'
        _write_media(root, clip, stage, images)
        _write_masks(root / 'gt_mask' / clip / 'fid_0', np.zeros(owners.shape, bool))
        rows += _rows(job, stage, clip, describe_absent(stage.scene, rng, _NULLS))
    return rows


def write_refavs_index(root: Path, recipe: Recipe, entries: list[list[list[str]]]) -> None:
    """Write ``metadata.csv``."""
    rows = [row for entry in entries for row in entry]
    save_csv(root / 'metadata.csv', ['vid', 'uid', 'split', 'fid', 'exp'], rows)


def _choose(job: Job, stage: Stage, expressions: list[Expression]) -> list[Expression]:
    """Of test_u those of unseen kinds, if the scene has one; of test_n none."""
    if job.subset == 'test_n':
        return []
    if job.subset != 'test_u':
        return expressions
    kinds = [actor.character.kind for actor in stage.scene.actors]
    unseen = [e for e in expressions if e.actor is not None and kinds[e.actor] in UNSEEN_KINDS]
    return unseen or expressions


def _rows(job: Job, stage: Stage, clip: str, expressions: list[Expression]) -> list[list[str]]:
    rows: list[list[str]] = []
    counts: dict[str, int] = {}
    for expression in expressions:
        actor = expression.actor
        kind = NULL_OBJECT if actor is None else stage.scene.actors[actor].character.kind
        counts[kind] = counts.get(kind, 0) + 1
        uid = f'{clip}_{kind}_{counts[kind]}'
        split = job.subset or job.split
        rows.append([refavs_name(job), uid, split, str(actor or 0), expression.text])
    return rows


def _write_media(root: Path, clip: str, stage: Stage, images: list[Array]) -> None:
    frames = root / 'media' / clip / 'frames'
    frames.mkdir(parents=True)
    save_wav(frames.parent / 'audio.wav', to_int16(stage.audio(_SAMPLE_RATE)), _SAMPLE_RATE)
    for second, image in enumerate(images):
        save_jpeg(frames / f'{second}.jpg', image)


def _write_masks(folder: Path, masks: Array) -> None:
    folder.mkdir(parents=True)
    for second, mask in enumerate(masks):
        save_flat_png(folder / f'{second:05d}.png', mask.astype(np.uint8) * 255)
