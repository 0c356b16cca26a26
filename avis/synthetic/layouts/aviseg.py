"""AVISeg: one JSON of polygons per split, JPEG frames and 44.1 kHz stereo audio at 1 fps."""

from pathlib import Path
from typing import Any

import numpy as np

from avis.structures.labels import AVISEG_CLASSES
from avis.structures.masks import mask_box
from avis.synthetic.canvas import Array
from avis.synthetic.casting import Job
from avis.synthetic.layouts.naming import platform_id
from avis.synthetic.polygons import mask_to_polygons
from avis.synthetic.recipe import Recipe
from avis.synthetic.scene import Stage
from avis.synthetic.writing import save_jpeg, save_json, save_wav
from avis.utils.mp4 import to_int16

_SAMPLE_RATE = 44100
_FRAME_PHASE = 0.5


def aviseg_name(job: Job) -> str:
    """Eight digits for every second video, else an id with time stamps, as in the official set."""
    if job.index % 2 == 0:
        return f'{10_000_000 + 1000 * int(job.rng(9).integers(90_000)) + job.index:08d}'
    return f'{platform_id(job)}_{job.index}_{job.index + job.seconds}'


def write_aviseg_video(root: Path, job: Job, stage: Stage) -> dict[str, Any]:
    """Write one video; returns its entry of the JSON and its tracks."""
    name, split = aviseg_name(job), root / job.split
    for folder in ('JPEGImages', 'WAVAudios', 'num_ins_CSVs'):
        (split / folder).mkdir(parents=True, exist_ok=True)
    save_wav(
        split / 'WAVAudios' / f'{name}.wav', to_int16(stage.audio(_SAMPLE_RATE, 2)), _SAMPLE_RATE
    )
    frames = split / 'JPEGImages' / name
    frames.mkdir()
    per_second: list[dict[int, Array]] = []
    for second in range(job.seconds):
        image, owner = stage.draw(second + _FRAME_PHASE)
        save_jpeg(frames / f'{second:05d}.jpg', image)
        per_second.append(stage.masks(owner, second))
    counts = '\n'.join(str(len(masks)) for masks in per_second)
    (split / 'num_ins_CSVs' / f'{name}.csv').write_text(f'instance_cnt\n{counts}\n')
    return {
        'split': job.split,
        'video': {
            'file_names': [f'{name}/{second:05d}.jpg' for second in range(job.seconds)],
            'length': job.seconds,
            'height': stage.scene.height,
            'width': stage.scene.width,
        },
        'tracks': [
            _track(stage, number, [masks.get(number) for masks in per_second])
            for number in sorted({number for masks in per_second for number in masks})
        ],
    }


def write_aviseg_index(root: Path, recipe: Recipe, entries: list[dict[str, Any]]) -> None:
    """Write ``train.json``, ``val.json`` and ``test.json``; ids count from 1 in each."""
    categories = [
        {'id': number, 'name': name} for number, name in enumerate(AVISEG_CLASSES, start=1)
    ]
    for split in dict.fromkeys(entry['split'] for entry in entries):
        videos: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for entry in entries:
            if entry['split'] != split:
                continue
            videos.append({'id': len(videos) + 1, **entry['video']})
            for track in entry['tracks']:
                head = {'id': len(annotations) + 1, 'video_id': len(videos)}
                annotations.append({**head, **track})
        content = {'videos': videos, 'annotations': annotations, 'categories': categories}
        save_json(root / f'{split}.json', content)


def _track(stage: Stage, number: int, masks: list[Array | None]) -> dict[str, Any]:
    character = stage.scene.actors[number].character
    name = 'person' if character.is_person else character.kind
    return {
        'category_id': AVISEG_CLASSES.index(name) + 1,
        'iscrowd': 0,
        'height': stage.scene.height,
        'width': stage.scene.width,
        'segmentations': [None if m is None else mask_to_polygons(m) for m in masks],
        'bboxes': [None if m is None else coco_box(m) for m in masks],
        'areas': [None if m is None else int(np.count_nonzero(m)) for m in masks],
    }


def coco_box(mask: Array) -> list[float]:
    """Box (x, y, width, height) of a non-empty mask."""
    left, top, right, bottom = mask_box(mask)
    return [float(left), float(top), float(right + 1 - left), float(bottom + 1 - top)]
