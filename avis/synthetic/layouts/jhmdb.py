"""J-HMDB Sentences: frames of each video, masks of one person in a MATLAB file, one sentence."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import savemat

from avis.synthetic.canvas import Array
from avis.synthetic.casting import Job
from avis.synthetic.expressions import Expression, describe_appearance, owner_value
from avis.synthetic.layouts.naming import platform_id
from avis.synthetic.recipe import Recipe
from avis.synthetic.scene import Stage
from avis.synthetic.writing import save_csv, save_flat_png, save_json
from avis.utils.atomic import atomic_path

_ACTIONS = ('stand', 'wave', 'clap')
_FRAMES = 3  # chosen frames of a video
# The description in the header of a MATLAB file; that of SciPy contains the time.
_HEADER = b'MATLAB 5.0 MAT-file, synthetic masks'.ljust(116)


def jhmdb_name(job: Job) -> str:
    """A name with characters like those of the real ones."""
    return f'{platform_id(job)}_{_action(job)}_u_cm_np1_fr_(med)!_{job.index}'


def write_jhmdb_video(root: Path, job: Job, stage: Stage) -> dict[str, Any]:
    """Write one video; returns its sentence and the samples of its chosen frames."""
    name, rng = jhmdb_name(job), job.rng(3)
    images, owners = zip(
        *(stage.draw(n / job.fps) for n in range(job.seconds * job.fps)), strict=True
    )
    # Persons who exchange positions may have no word of their own.
    found = describe_appearance(stage.scene) or [Expression('The person.', 0)]
    expression = found[int(rng.integers(len(found)))]
    inner = Path(_action(job), name)
    frames = root / 'Rename_Images' / inner
    frames.mkdir(parents=True)
    for number, image in enumerate(images, start=1):
        save_flat_png(frames / f'{number:05d}.png', image)
    masks = np.stack([owner == owner_value(expression) for owner in owners], axis=-1)
    _save_masks(root / 'puppet_mask' / inner / 'puppet_mask.mat', masks)
    text = expression.text.rstrip('.').lower()
    chosen = sorted(rng.permutation(len(images))[:_FRAMES].tolist())
    start = './jhmdb_sentences'
    samples = [
        [
            name,
            f'{start}/Rename_Images/{inner.as_posix()}/{index + 1:05d}.png',
            f'{start}/puppet_mask/{inner.as_posix()}/puppet_mask.mat',
            len(images),
            text,
        ]
        for index in chosen
    ]
    return {'row': [name, text], 'samples': samples}


def write_jhmdb_index(root: Path, recipe: Recipe, entries: list[dict[str, Any]]) -> None:
    """Write the table of sentences and the list of chosen frames."""
    rows = [entry['row'] for entry in entries]
    save_csv(root / 'jhmdb_annotation.txt', ['video_id', 'sentence'], rows)
    samples = [sample for entry in entries for sample in entry['samples']]
    save_json(root / 'jhmdb_sentences_samples_metadata.json', samples)


def _action(job: Job) -> str:
    return _ACTIONS[job.index % len(_ACTIONS)]


def _save_masks(path: Path, masks: Array) -> None:
    """Write ``part_mask``, (H, W, T) uint8, with the same bytes at any time."""
    with atomic_path(path) as part:
        content = {'part_mask': masks.astype(np.uint8)}
        savemat(str(part), content, appendmat=False, do_compression=True)
        with part.open('rb+') as file:
            file.write(_HEADER)
