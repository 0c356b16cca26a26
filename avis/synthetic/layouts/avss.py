"""AVSBench-semantic: ``v1s``, ``v1m`` and ``v2`` with color label maps."""

from pathlib import Path

import numpy as np

from avis.structures.labels import AVSS_CLASSES, voc_palette
from avis.synthetic.canvas import Array
from avis.synthetic.casting import Job
from avis.synthetic.layouts.naming import platform_id, start_second, timed_id
from avis.synthetic.recipe import Recipe
from avis.synthetic.scene import Stage
from avis.synthetic.writing import (
    save_csv,
    save_flat_png,
    save_jpeg,
    save_json,
    save_wav,
)
from avis.utils.mp4 import to_int16

_SAMPLE_RATE = 16000
_FRAME_PHASE = 15 / 16

avss_name = timed_id


def write_avss_video(root: Path, job: Job, stage: Stage) -> list[str]:
    """Write one clip; returns its row of ``metadata.csv``."""
    uid = avss_name(job)
    folder = root / job.subset / uid
    (folder / 'frames').mkdir(parents=True)
    (folder / 'labels_rgb').mkdir()
    save_wav(folder / 'audio.wav', to_int16(stage.audio(_SAMPLE_RATE)), _SAMPLE_RATE)
    # Single-source training clips have a label on the first frame only.
    single = job.subset == 'v1s' and job.split == 'train'
    labeled = 1 if single else job.seconds
    palette = voc_palette(len(AVSS_CLASSES))
    for second in range(job.seconds):
        image, owner = stage.draw(second + _FRAME_PHASE)
        save_jpeg(folder / 'frames' / f'{second}.jpg', image)
        if second < labeled:
            labels = palette[_label_map(stage, owner, second)]
            save_flat_png(folder / 'labels_rgb' / f'{second}.png', labels)
    kinds = sorted(
        {actor.character.kind for actor in stage.scene.actors if actor.turns and actor.visible}
    )
    minute, rest = divmod(start_second(job), 60)
    return [platform_id(job), uid, str(minute), str(rest), '_'.join(kinds), job.split, job.subset]


def write_avss_index(root: Path, recipe: Recipe, rows: list[list[str]]) -> None:
    """Write ``metadata.csv`` and ``label2idx.json``."""
    save_json(root / 'label2idx.json', {name: index for index, name in enumerate(AVSS_CLASSES)})
    header = ['vid', 'uid', 's_min', 's_sec', 'a_obj', 'split', 'label']
    save_csv(root / 'metadata.csv', header, rows)


def _label_map(stage: Stage, owner: Array, second: int) -> Array:
    labels = np.zeros(owner.shape, np.uint8)
    for number, mask in stage.masks(owner, second).items():
        labels[mask] = AVSS_CLASSES.index(stage.scene.actors[number].character.kind)
    return labels
