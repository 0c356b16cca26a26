"""Data of the AVISM recipe: sampled frames, moving crop, sizes, and the tensors of clips.

The transforms are those of the published configs; recorded random values replace their draws.
``length_one`` of ``sampling.json`` is not compared: the authors' sampler stops on a video of one
frame, avis repeats the frame.
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from avis.apis.config import load_config
from avis.datasets.av_dataset import build_transforms
from avis.datasets.transforms.geometry import ResizeClip
from avis.datasets.transforms.moving_crop import RandomMovingCrop
from avis.datasets.transforms.sampling import SampleAroundReference
from tests.helpers.entries import Entry, exact, named
from tests.recipes.avism_layout import compare_layout

R50 = Path('configs/avis/avism/avism_r50_in_aviseg.py')
CONFIGS = {360: R50, 448: Path('configs/avis/avism/avism_swinl_in_aviseg.py')}
SEED = 20


def compare(folder: Path) -> Iterator[Entry]:
    """Compare the files of ``folder``."""
    parts = {
        'sampling.json': _sampling,
        'moving_crop.json': _moving_crop,
        'resize_sizes.json': _resize_sizes,
    }
    for name, part in parts.items():
        if (folder / name).is_file():
            yield from named(f'{name}:', part(json.loads((folder / name).read_text())))
    layout = folder / 'layout'
    if (layout / 'golden.npz').is_file():
        with tempfile.TemporaryDirectory() as root:
            yield from named('layout:', compare_layout(layout, Path(root), CONFIGS))


def transforms_of(config: Path, pipeline: str) -> dict[type, Any]:
    """Build the transforms of a published config, by class."""
    return {type(step): step for step in build_transforms(load_config(config)[pipeline])}


def _sampling(golden: dict[str, Any]) -> Iterator[Entry]:
    sample = transforms_of(R50, 'train_pipeline')[SampleAroundReference]
    yield exact('num_frames', sample.num_frames, golden['num_frames'])
    yield exact('max_distance', sample.max_distance, golden['max_distance'])
    for number, case in enumerate(golden['given']):
        drawn = case['reference'], np.array(case['positions'])
        with mock.patch.object(sample, 'draw_frames', return_value=drawn):
            frames = sample.transform({'video_id': '', 'length': case['length']})['frame_ids']
        yield exact(f'given/{number}', frames, case['frames'])
    for case in golden['summary']:
        yield from named(f'length_{case["length"]}/', _sampling_summary(sample, case))


def _sampling_summary(sample: SampleAroundReference, case: dict[str, Any]) -> Iterator[Entry]:
    count, length = case['clips'], case['length']
    where = 'avis.datasets.transforms.sampling.worker_random'
    with mock.patch(where, return_value=np.random.RandomState(SEED)):
        results = {'video_id': '', 'length': length}
        clips = np.stack([sample.transform(results)['frame_ids'] for _ in range(count)])
    with mock.patch(where, return_value=np.random.RandomState(SEED)):  # the same draws
        references = np.array([sample.draw_frames(length)[0] for _ in range(count)])
    distinct = 1 + (np.diff(clips, axis=1) > 0).sum(axis=1)  # (clips,)
    chance = case['with_repeat_exact']
    repeated = (distinct < sample.num_frames).mean()
    yield _near('with_repeat', repeated, chance, np.sqrt(chance * (1 - chance) / count))
    for number, recorded in enumerate(case['distinct'], start=1):
        share = recorded / count
        ours = (distinct == number).mean()
        error = np.sqrt((share * (1 - share) + ours * (1 - ours)) / count)
        yield _near(f'distinct_{number}', ours, share, error)
    again = (clips == references[:, None]).sum(axis=1) > 1
    yield exact('reference_repeated', int(again.sum()), case['reference_repeated'])
    yield exact('sorted', bool((np.diff(clips, axis=1) >= 0).all()), case['sorted'])
    offsets = clips - references[:, None]
    yield exact('offset_min', offsets.min(), case['offset_min'])
    yield exact('offset_max', offsets.max(), case['offset_max'])
    means = {'span': np.ptp(clips, axis=1), 'reference': references, 'frame': clips.mean(axis=1)}
    for name, values in means.items():
        error = values.std() / np.sqrt(count)
        other = case.get(f'mean_{name}_se', error)
        yield _near(f'mean_{name}', values.mean(), case[f'mean_{name}'], np.hypot(error, other))


class _Recorded:
    """Stands for a random generator: returns recorded values and remembers the ranges."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.integers = iter([*case['size'], *case['first'], *case['second']])
        self.fractions = np.array(case['fractions'])
        self.reverse = case['reverse_draw']
        self.ranges: list[list[int]] = []

    def randint(self, low: int, high: int) -> int:
        self.ranges.append([low, high])
        return next(self.integers)

    def rand(self, count: int = 0) -> Any:
        return self.fractions if count else self.reverse


def _moving_crop(golden: dict[str, Any]) -> Iterator[Entry]:
    crop = transforms_of(R50, 'train_pipeline')[RandomMovingCrop]
    where = 'avis.datasets.transforms.moving_crop.worker_random'
    yield exact('crop_range', crop.crop_range, golden['crop_range'])
    for number, case in enumerate(golden['given']):
        random = _Recorded(case)
        with mock.patch(where, return_value=random):
            path = crop.draw_path(case['frames'], (case['height'], case['width']))
        yield exact(f'given/{number}/ranges', random.ranges, case['ranges'])
        yield exact(f'given/{number}/reversed', path.reverse, case['reversed'])
        boxes = [[*corner, *path.size] for corner in path.corners().tolist()]
        yield exact(f'given/{number}/boxes', boxes, case['boxes'])
    for case in golden['distribution']:
        sides, random = (case['height'], case['width']), np.random.RandomState(SEED)
        with mock.patch(where, return_value=random):
            paths = [crop.draw_path(5, sides) for _ in range(case['clips'])]
        yield from named(f'{sides[0]}x{sides[1]}/', _crop_distribution(paths, case))


def _crop_distribution(paths: Sequence[Any], case: dict[str, Any]) -> Iterator[Entry]:
    corners = np.stack([path.corners() for path in paths])  # (clips, T, 2)
    steps = np.diff(corners, axis=1)
    travel = corners[:, -1] - corners[:, 0]  # (clips, 2)
    moving = travel[travel.any(axis=1)]
    values = {
        'crop_height': [path.size[0] for path in paths],
        'crop_width': [path.size[1] for path in paths],
        'mean_top': corners[..., 0].mean(axis=1),
        'mean_left': corners[..., 1].mean(axis=1),
        'travel_vertical': np.abs(travel[:, 0]),
        'travel_horizontal': np.abs(travel[:, 1]),
        'towards_origin': moving.sum(axis=1) < 0,
        'step_spread': steps[..., 1].std(axis=1),
    }
    for name, numbers in values.items():
        mean, error = case[name]
        own = np.std(numbers) / np.sqrt(len(numbers))
        yield _near(name, float(np.mean(numbers)), mean, float(np.hypot(own, error)))
    opposite = (travel[:, 0] * travel[:, 1] < 0).sum()
    yield exact('opposite_directions', int(opposite), case['opposite_directions'])


def _resize_sizes(golden: dict[str, Any]) -> Iterator[Entry]:
    train = transforms_of(R50, 'train_pipeline')
    resizes = {'train': train[ResizeClip], 'crop': train[RandomMovingCrop].resize}
    limits = golden['max_long_side']
    for name, resize in resizes.items():
        yield exact(f'max_long_side/{name}', resize.max_long_side, limits[name])
    for short, config in CONFIGS.items():
        dataset = load_config(config).test_dataloader.dataset
        resize = dataset.pipeline.load_frames.resize
        resizes[f'test{short}'] = ResizeClip(**{k: v for k, v in resize.items() if k != 'type'})
        yield exact(f'max_long_side/test{short}', resize['max_long_side'], limits['test'])
    for number, row in enumerate(golden['rows']):
        case = dict(zip(golden['columns'], row, strict=True))
        for name, resize in resizes.items():
            short = case.get(f'{name}_short_side', resize.short_sides[0])
            with mock.patch.object(resize, 'draw_short_side', return_value=short):
                size = resize.choose_size(case['height'], case['width'])
            recorded = short, case[f'{name}_height'], case[f'{name}_width']
            known = short if short in resize.short_sides else None
            yield exact(f'{number}/{name}', (known, *size), recorded)


def _near(name: str, ours: float, recorded: float, standard_error: float) -> Entry:
    """Compare two means with a tolerance of 4 standard errors, and of float rounding."""
    return Entry(name, float(abs(ours - recorded)), float(4 * standard_error) + 1e-12)
