"""Write AVISeg, AVTrack and YouTube-VIS with two short videos; every mask is a known box."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from avis.structures.masks import encode_mask, rle_to_json
from tests.helpers.tiny_sets import frame_image, write_audio, write_image

SIZE = (24, 32)  # H, W
FRAMES = 3
NAMES = ('-a_1', '10000001')
BOX = (4, 6, 12, 20)  # top, left, bottom, right


def box_mask(size=SIZE, box=BOX) -> np.ndarray:
    mask = np.zeros(size, bool)
    top, left, bottom, right = box
    mask[top:bottom, left:right] = True
    return mask


def polygon(box=BOX) -> list[list[float]]:
    top, left, bottom, right = box
    return [[left, top, right, top, right, bottom, left, bottom]]


def rle(mask: np.ndarray) -> dict[str, Any]:
    return rle_to_json(encode_mask(mask))


def loose_rle(mask: np.ndarray) -> dict[str, Any]:
    """The uncompressed form of an RLE."""
    flat = np.concatenate([[False], mask.ravel(order='F'), [not mask[-1, -1]]])
    runs = np.diff(np.flatnonzero(np.diff(flat.astype(int), prepend=0) != 0), prepend=0)
    counts = [int(np.flatnonzero(flat[1:])[0]), *runs[1:].tolist()]
    rest = mask.size - sum(counts)
    return {'size': list(mask.shape), 'counts': counts if not rest else [*counts, rest]}


def annotation(number: int, video_id: int, masks: list, **more: Any) -> dict[str, Any]:
    return {
        'id': number,
        'video_id': video_id,
        'category_id': 1,
        'iscrowd': 0,
        'segmentations': masks,
        'bboxes': [None if mask is None else [6, 4, 14, 8] for mask in masks],  # that of BOX
        'areas': [None if mask is None else 112 for mask in masks],
        **more,
    }


def content(**more: Any) -> dict[str, Any]:
    """Video 1 has a polygon, no mask, an RLE; video 2 an uncompressed RLE, a polygon, no mask."""
    videos = [
        {
            'id': number,
            'file_names': [f'{name}/{t:05d}.jpg' for t in range(FRAMES)],
            'length': FRAMES,
            'height': SIZE[0],
            'width': SIZE[1],
            'scene': 'Speaking',
        }
        for number, name in enumerate(NAMES, start=1)
    ]
    annotations = [
        annotation(1, 1, [polygon(), None, rle(box_mask())], note='hand-made'),
        annotation(2, 2, [loose_rle(box_mask()), polygon(), None], category_id=26),
    ]
    from avis.structures.labels import AVISEG_CLASSES

    categories = [{'id': k, 'name': name} for k, name in enumerate(AVISEG_CLASSES, start=1)]
    whole = {'videos': videos, 'annotations': annotations, 'categories': categories}
    return {'info': {'year': 2024}, **whole, **more}


def write_json(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


def write_media(images: Path, audio: Path | None = None, features: Path | None = None) -> None:
    """Write frames, audio and features of both videos; all values of feature row k are k."""
    for name in NAMES:
        for t in range(FRAMES):
            write_image(images / name / f'{t:05d}.jpg', frame_image(SIZE, t))
        if audio is not None:
            write_audio(audio / f'{name}.wav', FRAMES, rate=44100, channels=2)
        if features is not None:
            features.mkdir(parents=True, exist_ok=True)
            rows = np.repeat(np.arange(FRAMES, dtype=np.float32)[:, None], 128, axis=1)
            np.save(features / f'{name}.npy', rows)


def write_aviseg(root: Path, splits=('train', 'val', 'test'), **more: Any) -> Path:
    """Write the layout of AVISeg; ``more`` replaces lists of the JSON. Return the data root."""
    for split in splits:
        write_json(root / f'{split}.json', content(**more))
        folders = ('JPEGImages', 'WAVAudios', 'FEATAudios')
        write_media(*(root / split / folder for folder in folders))
    return root


def write_avtrack(root: Path, *, meta: str = 'avtrack_meta.json', levels=(60, 120)) -> Path:
    """Write AVTrack: two persons in video 1, the second from frame 1 on; nobody in video 2."""
    whole = content(categories=[{'id': 1, 'name': 'person'}])
    for video in whole['videos']:
        video['file_names'] = [name.replace('/', '/frame_') for name in video['file_names']]
    whole['annotations'] = [{'video_id': 1}]
    write_json(root / meta, whole)
    for name in NAMES:
        for t in range(FRAMES):
            write_image(root / f'Images/{name}/frame_{t:05d}.jpg', frame_image(SIZE, t))
            merged = np.zeros(SIZE, np.uint8)
            if name == NAMES[0]:
                for person, level in enumerate(levels):
                    if t >= person:
                        mask = box_mask(box=(4, 2 + 12 * person, 12, 10 + 12 * person))
                        merged[mask] = level
                        path = f'Instance_Masks/{name}/person_{person}/frame_{t:05d}.png'
                        write_image(root / path, mask.astype(np.uint8) * 255)
            write_image(root / f'Instance_Masks_merged/{name}/frame_{t:05d}.png', merged)
        write_audio(root / f'Audios/{name}.wav', FRAMES)
    return root
