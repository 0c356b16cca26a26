"""Small ground truths and predictions in the official layouts, with any number of videos."""

import gzip
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from avis.structures.masks import encode_mask, rle_to_json

SIZE = (24, 32)


def write_png(path: Path, image: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)
    return path


def disk(y: float, x: float, radius: float = 6) -> np.ndarray:
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    return (rows - y) ** 2 + (columns - x) ** 2 < radius**2


def write_vis(
    folder: Path, *, videos: int = 4, frames: int = 3, seed: int = 0, packed: bool = False
) -> tuple[Path, Path]:
    """Write ``gt.json`` and ``results.json`` with one to three tracks per video."""
    rng = np.random.default_rng(seed)
    gt: dict[str, list] = {
        'videos': [],
        'annotations': [],
        'categories': [{'id': k, 'name': f'class{k}'} for k in (1, 2, 3)],
    }
    results: list[dict] = []
    for number in range(videos):
        name = f'video{number:04d}'
        video = {'id': number + 1, 'height': SIZE[0], 'width': SIZE[1], 'length': frames}
        video['file_names'] = [f'{name}/{t:05d}.jpg' for t in range(frames)]
        video['scene'] = ('music', 'speech')[number % 2]
        video['conditions'] = ['blur'] * (number % 3 > 0) + ['cut'] * (number % 3 > 1)
        gt['videos'].append(video)
        for _ in range(int(rng.integers(1, 4))):
            label, y, x = int(rng.integers(1, 4)), *rng.uniform(4, 20, 2)
            sounding = rng.random(frames) < 0.7
            masks = [disk(y, x + t) if sounding[t] else None for t in range(frames)]
            areas = [None if mask is None else int(mask.sum()) for mask in masks]
            track = {'video_id': number + 1, 'category_id': label}
            annotation = {'id': len(gt['annotations']) + 1, 'iscrowd': 0, 'areas': areas}
            annotation['segmentations'] = [rle(mask) for mask in masks]
            gt['annotations'].append({**track, **annotation})
            if rng.random() < 0.8:
                found = [disk(y + 1, x + t + rng.normal()) for t in range(frames)]
                found = [m & bool(sounding[t] or rng.random() < 0.2) for t, m in enumerate(found)]
                score = float(rng.random())
                results.append(
                    {**track, 'score': score, 'segmentations': [rle(mask) for mask in found]}
                )
    paths = folder / 'gt.json', folder / 'results.json'
    for path, content in zip(paths, (gt, results), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
        if packed:
            path.with_suffix('.json.gz').write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
    return tuple(path.with_suffix('.json.gz') if packed else path for path in paths)


def rle(mask: np.ndarray | None) -> dict[str, Any] | None:
    return None if mask is None else rle_to_json(encode_mask(mask))


def change(path: Path, edit: Any) -> None:
    """Edit the content of a JSON file in place."""
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def write_avtrack(folder: Path, *, videos: int = 3, frames: int = 4, seed: int = 0) -> None:
    """Write the data set, with predictions in its folder ``pred``."""
    rng = np.random.default_rng(seed)
    entries = []
    for number in range(videos):
        name = f'{("film", "opera")[number % 2]}_A_{number:02d}'
        files = [f'{name}/frame_{t:05d}.jpg' for t in range(frames)]
        entry = {'id': number + 1, 'file_names': files, 'height': SIZE[0], 'width': SIZE[1]}
        entries.append({**entry, 'conditions': {'blur': number % 2 == 0, 'cut': True}})
        for t in range(frames):
            gt = np.zeros(SIZE, np.uint8)
            for person in range(2):
                y, x = 10 + number, 8 + 14 * person
                gt[disk(y, x)] = 100 * (person + 1)
                if rng.random() < 0.8:
                    found = disk(y + rng.normal(), x + rng.normal()).astype(np.uint8) * 255
                    person_folder = folder / 'pred' / name / f'person_{person}'
                    write_png(person_folder / f'frame_{t:04d}.png', found)
            masks = folder / 'Instance_Masks_merged' / name
            write_png(masks / f'frame_{t:05d}.png', gt)
    tracks = [{'id': n, 'video_id': n // 2 + 1} for n in range(2 * videos)]
    content = {'videos': entries, 'annotations': tracks}
    (folder / 'avtrack_meta.json').write_text(json.dumps(content))


def write_avsbench(folder: Path, *, clips: int = 5, seed: int = 0) -> tuple[Path, Path]:
    """Write ``gt_masks/test`` of S4 with its CSV file, and ``pred``."""
    rng = np.random.default_rng(seed)
    masks, rows = folder / 's4_data' / 'gt_masks' / 'test', ['name,start,category,split']
    for number in reversed(range(clips)):
        name, category = f'clip{number}', ('dog', 'cat')[number % 2]
        rows.append(f'{name},0,{category},test')
        for frame in range(1, 6):
            gt = disk(12, 10 + number, 8) & (rng.random() < 0.9)
            write_png(masks / category / name / f'{name}_{frame}.png', gt.astype(np.uint8) * 255)
            prob = np.where(disk(12, 11 + number, 8), 80 + 30 * number, 40)
            prob += rng.integers(-40, 40, SIZE)
            pred = folder / 'pred' / category / name
            write_png(pred / f'{name}_{frame}.png', prob.astype(np.uint8))
    (folder / 's4_meta_data.csv').write_text('\n'.join(rows) + '\n')
    return masks, folder / 'pred'


def write_avss(folder: Path, *, clips: int = 4, seed: int = 0) -> tuple[Path, Path]:
    """Write the data set in colors, and ``pred`` as class indices; clips of 5 and 10 frames."""
    from avis.structures.labels import voc_palette

    rng, palette = np.random.default_rng(seed), voc_palette(71)
    rows = ['vid,uid,s_min,s_sec,a_obj,split,label']
    for number in range(clips):
        name, subset = f'clip{number}', ('v1m', 'v2')[number % 2]
        split = 'val' if number == clips - 1 else 'test'
        rows.append(f'v,{name},0,0,x,{split},{subset}')
        for frame in range(5 if subset == 'v1m' else 10):
            labels = np.where(disk(12, 10 + number), 7 + number, 0).astype(np.uint8)
            clip_folder = folder / subset / name / 'labels_rgb'
            write_png(clip_folder / f'{frame}.png', palette[labels][..., ::-1])
            found = np.where(disk(12, 11 + number), 7 + number, 0).astype(np.uint8)
            found[rng.random(SIZE) < 0.05] = 3
            if split == 'test':
                write_png(folder / 'pred' / name / f'{frame}.png', found)
    (folder / 'metadata.csv').write_text('\n'.join(rows) + '\n')
    return folder, folder / 'pred'
