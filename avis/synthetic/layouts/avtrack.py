"""AVTrack: speakers of a conversation, one mask folder per person and one merged gray PNG."""

from pathlib import Path
from typing import Any

import numpy as np

from avis.structures.masks import encode_mask, rle_to_json
from avis.synthetic.canvas import Array
from avis.synthetic.casting import Job
from avis.synthetic.layouts.aviseg import coco_box
from avis.synthetic.recipe import Recipe
from avis.synthetic.scene import Stage
from avis.synthetic.writing import save_flat_png, save_jpeg, save_json, save_wav
from avis.utils.mp4 import to_int16

_SAMPLE_RATE = 16000
_FRAME_PHASE = 0.5
_GENRES = ('interview', 'film', 'anime', 'opera', 'narration', 'stage')


def avtrack_name(job: Job) -> str:
    """``<genre>_<letter>_<number>``, like the one public name ``interview_Z_16``."""
    rng = job.rng(9)
    letter = chr(ord('A') + int(rng.integers(26)))
    return f'{_GENRES[int(rng.integers(len(_GENRES)))]}_{letter}_{job.index}'


def write_avtrack_video(root: Path, job: Job, stage: Stage) -> dict[str, Any]:
    """Write one video; returns its entry of the JSON and its tracks."""
    name = avtrack_name(job)
    for folder in ('Audios', f'Images/{name}', f'Instance_Masks_merged/{name}'):
        (root / folder).mkdir(parents=True, exist_ok=True)
    save_wav(root / 'Audios' / f'{name}.wav', to_int16(stage.audio(_SAMPLE_RATE)), _SAMPLE_RATE)
    per_second: list[dict[int, Array]] = []
    for second in range(job.seconds):
        image, owner = stage.draw(second + _FRAME_PHASE)
        save_jpeg(root / 'Images' / name / f'frame_{second:05d}.jpg', image)
        per_second.append(stage.masks(owner, second))
    persons = sorted({number for masks in per_second for number in masks})
    _write_masks(root, name, persons, per_second, (stage.scene.height, stage.scene.width))
    return {
        'video': {
            'file_names': [f'{name}/frame_{second:05d}.jpg' for second in range(job.seconds)],
            'length': job.seconds,
            'height': stage.scene.height,
            'width': stage.scene.width,
            'genre': name.split('_')[0],
        },
        'tracks': [_track([masks.get(k) for masks in per_second]) for k in persons],
    }


def write_avtrack_index(root: Path, recipe: Recipe, entries: list[dict[str, Any]]) -> None:
    """Write ``avtrack_meta.json``; ``attributes`` are the challenging conditions of a video."""
    videos: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for video_id, entry in enumerate(entries, start=1):
        challenges = recipe.challenges_of(video_id - 1).items()
        attributes = [name for name, strength in challenges if strength > 0]
        videos.append({'id': video_id, **entry['video'], 'attributes': attributes})
        for track in entry['tracks']:
            annotations.append({'id': len(annotations) + 1, 'video_id': video_id, **track})
    categories = [{'id': 1, 'name': 'person'}]
    content = {'videos': videos, 'annotations': annotations, 'categories': categories}
    save_json(root / 'avtrack_meta.json', content)


def _write_masks(
    root: Path,
    name: str,
    persons: list[int],
    per_second: list[dict[int, Array]],
    shape: tuple[int, int],
) -> None:
    # The official reader treats 255 as void, so the highest gray level stays below it.
    step = 255 // (len(persons) + 1)
    for order in range(len(persons)):
        (root / 'Instance_Masks' / name / f'person_{order}').mkdir(parents=True)
    for second, masks in enumerate(per_second):
        merged = np.zeros(shape, np.uint8)
        for order, person in enumerate(persons):
            if person in masks:
                merged[masks[person]] = step * (order + 1)
                path = root / 'Instance_Masks' / name / f'person_{order}'
                single = masks[person].astype(np.uint8) * 255
                save_flat_png(path / f'frame_{second:05d}.png', single)
        save_flat_png(root / 'Instance_Masks_merged' / name / f'frame_{second:05d}.png', merged)


def _track(masks: list[Array | None]) -> dict[str, Any]:
    return {
        'category_id': 1,
        'iscrowd': 0,
        'segmentations': [None if m is None else rle_to_json(encode_mask(m)) for m in masks],
        'bboxes': [None if m is None else coco_box(m) for m in masks],
        'areas': [None if m is None else int(np.count_nonzero(m)) for m in masks],
    }
