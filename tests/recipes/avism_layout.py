"""The tensors that enter AVISM for a tiny data set and recorded random values."""

import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from mmengine.config import Config

from avis.apis.config import load_config
from avis.datasets.transforms.geometry import RandomFlip, ResizeClip
from avis.datasets.transforms.moving_crop import CropPath, RandomMovingCrop
from avis.datasets.transforms.sampling import SampleAroundReference
from avis.models.task_modules.mask_targets import (
    clip_targets,
    frame_targets,
    label_late_as_no_object,
)
from avis.registry import DATASETS, MODELS
from avis.structures.av_data_sample import AVDataSample
from tests.helpers.entries import Entry, exact, named
from tests.helpers.tiny_sets import write_image

PIXEL, SHARE = 2, 0.1  # another antialiased bilinear filter than Pillow's
NORMALIZED = 0.04
IOU_POLYGON, IOU_RLE = 0.998, 0.98


def compare_layout(layout: Path, root: Path, configs: Mapping[int, Path]) -> Iterator[Entry]:
    """Write the data set below ``root``, and compare all recorded cases.

    Args:
        layout: Folder of ``train.json`` and ``golden.npz``.
        root: Empty folder.
        configs: Published config of each short side in testing.
    """
    golden = np.load(layout / 'golden.npz')
    meta, annotations = json.loads(str(golden['meta'])), layout / 'train.json'
    yield from _write_data(root, json.loads(annotations.read_text()), meta)
    (root / 'train.json').write_bytes(annotations.read_bytes())
    loaded = {short: load_config(path) for short, path in configs.items()}
    for name, case in meta['cases'].items():
        entries = (
            _train_case(golden, name, case, root, loaded[min(loaded)])
            if name.startswith('train')
            else _test_case(golden, name, case, root, loaded[case['short_side']])
        )
        yield from named(f'{name}/', entries)


def _write_data(root: Path, content: dict[str, Any], meta: dict[str, Any]) -> Iterator[Entry]:
    """Write frames and features as ``meta`` describes them."""
    (root / 'train' / 'WAVAudios').mkdir(parents=True)
    features = root / 'train' / 'FEATAudios'
    features.mkdir()
    for video in content['videos']:
        number, folder = video['id'], Path(video['file_names'][0]).parent.name
        frame = np.zeros(0)
        for t, name in enumerate(video['file_names']):
            frame = _frame(video['height'], video['width'], t, number)
            write_image(root / 'train' / 'JPEGImages' / name, frame)
        recorded = meta['frame_crc32_last'][folder]
        yield exact(f'{folder}/crc32', zlib.crc32(frame.tobytes()), recorded)
        random = np.random.Generator(np.random.PCG64(800 + number))
        rows = random.random((video['length'], 128)).astype(np.float32)
        np.save(features / f'{folder}.npy', rows)


def _frame(height: int, width: int, t: int, video: int) -> np.ndarray:
    y, x, channel = np.indices((height, width, 3))
    value = 3 * x + 5 * y + 17 * t + 60 * channel + x * y // (40 + video) + 29 * video
    return np.minimum(value % 512, 511 - value % 512).astype(np.uint8)


def _train_case(
    golden: Any, name: str, case: dict[str, Any], root: Path, cfg: Config
) -> Iterator[Entry]:
    dataset = DATASETS.build({**cfg.train_dataloader.dataset, 'data_root': str(root)})
    _fix_draws({type(step): step for step in dataset.pipeline.transforms}, case, dataset)
    item = dataset[_index(dataset, case['video'])]
    sample = item['data_samples']
    yield exact('frame_ids', sample.frame_ids, case['frame_ids'])
    yield from _inputs(golden, name, cfg, item, training=True)
    tracks = dataset.record(_index(dataset, case['video']))['tracks']
    rle = {track['id'] for track in tracks if any(isinstance(m, dict) for m in track['masks'])}
    yield from _compare_masks(golden, name, sample, rle)
    (sample,) = label_late_as_no_object([sample], len(dataset.metainfo['classes']))
    yield exact('labels', clip_targets([sample])[0].labels.tolist(), golden[f'{name}/labels'])
    labels = [target.labels.tolist() for target in frame_targets([sample])]
    yield exact('frame_labels', json.dumps(labels), json.dumps(case['frame_labels']))


def _fix_draws(steps: dict[type, Any], case: dict[str, Any], dataset: Any) -> None:
    """Replace the draws of the transforms by those of a case."""
    record = dataset.record(_index(dataset, case['video']))
    sample = steps[SampleAroundReference]
    near = sample.neighbors(case['reference'], record['length']).tolist()
    drawn = case['reference'], np.array([near.index(frame) for frame in case['others']])
    crop = steps[RandomMovingCrop]
    sample.draw_frames = mock.Mock(return_value=drawn)
    crop.draw_crop = mock.Mock(return_value=case['crop'])
    steps[ResizeClip].draw_short_side = mock.Mock(return_value=case['short_side'])
    steps[RandomFlip].draw_flip = mock.Mock(return_value=case['flip'])
    if case['crop']:
        crop.resize.draw_short_side = mock.Mock(return_value=case['crop_short_side'])
        path = CropPath(
            size=tuple(case['crop_size']),
            first=tuple(case['first']),
            second=tuple(case['second']),
            fractions=np.array(case['fractions']),
            reverse=case['reversed'],
        )
        crop.draw_path = mock.Mock(return_value=path)


def _test_case(
    golden: Any, name: str, case: dict[str, Any], root: Path, cfg: Config
) -> Iterator[Entry]:
    options = {'data_root': str(root), 'split': 'train', 'test_mode': True}
    dataset = DATASETS.build({**cfg.test_dataloader.dataset, **options})
    item = dataset[_index(dataset, int(name.rpartition('_')[2]))]
    yield exact('ori_size', item['data_samples'].ori_shape, case['ori_size'])
    yield from _inputs(golden, name, cfg, item, training=False)


def _index(dataset: Any, video: int) -> int:
    ids = [dataset.record(index)['video_id'] for index in range(len(dataset))]
    return ids.index(video)


def _inputs(
    golden: Any, name: str, cfg: Config, item: dict[str, Any], *, training: bool
) -> Iterator[Entry]:
    """Compare frames and audio, before and after the data preprocessor."""
    batch = {
        'inputs': {key: [value] for key, value in item['inputs'].items()},
        'data_samples': [item['data_samples']],
    }
    inputs = MODELS.build(cfg.model.data_preprocessor)(batch, training)['inputs']
    for key, tensor, most in (
        ('imgs', item['inputs']['frames'], PIXEL),
        ('model_input', inputs['frames'][0], NORMALIZED),
    ):
        yield from _compare_pixels(golden, f'{name}/{key}', key, tensor, most)
    audio = inputs['audio'][0].numpy()
    yield exact('audio/shape', audio.shape, golden[f'{name}/audio/shape'])
    yield exact('audio', _strided(golden, f'{name}/audio', audio), golden[f'{name}/audio'])


def _compare_pixels(
    golden: Any, name: str, key: str, tensor: torch.Tensor, most: float
) -> Iterator[Entry]:
    pixels = tensor.numpy().astype(np.float64)
    yield exact(f'{key}/shape', pixels.shape, golden[f'{name}/shape'])
    if pixels.shape != tuple(golden[f'{name}/shape']):
        return
    difference = np.abs(_strided(golden, name, pixels) - golden[name])
    yield Entry(key, float(difference.max()), most)
    yield Entry(f'{key}/share', float((difference > 1e-6).mean()), SHARE)
    mean = golden[f'{name}/stats'][0]
    yield Entry(f'{key}/mean', float(abs(pixels.mean() - mean)), most * SHARE)


def _strided(golden: Any, name: str, values: np.ndarray) -> np.ndarray:
    step = golden[f'{name}/step'] if f'{name}/step' in golden else [1] * values.ndim
    return values[tuple(slice(None, None, int(stride)) for stride in step)]


def _compare_masks(golden: Any, name: str, sample: AVDataSample, rle: set[int]) -> Iterator[Entry]:
    """Compare masks, presence and order of the instances; ``rle`` are ids of RLE masks."""
    tracks = sample.gt_tracks
    masks = tracks.masks.numpy()  # (N, T, h, w)
    shape = tuple(golden[f'{name}/masks_shape'])
    yield exact('masks/shape', masks.shape, shape)
    if masks.shape != shape:
        return
    present = masks.any(axis=(2, 3))
    yield exact('present', present, golden[f'{name}/ids'] >= 0)
    areas, recorded = masks.sum(axis=(2, 3)), golden[f'{name}/masks_area']
    sampled = masks[:, :, ::3, ::3]
    bits = np.unpackbits(golden[f'{name}/masks_sampled_packed'], count=sampled.size)
    other = bits.reshape(golden[f'{name}/masks_sampled_shape']).astype(bool)
    for row, number in enumerate(tracks.ids.tolist()):
        tolerance = 1 - (IOU_RLE if number in rle else IOU_POLYGON)
        yield Entry(f'masks/{row}', _distance(sampled[row], other[row]), tolerance)
        ratio = areas[row].sum() / max(recorded[row].sum(), 1)
        yield Entry(f'masks_area/{row}', float(abs(1 - ratio)), tolerance)


def _distance(one: np.ndarray, other: np.ndarray) -> float:
    """1 - IoU of two masks of the frames of a clip; 0 if both are empty."""
    union = (one | other).sum()
    return 1 - float((one & other).sum() / union) if union else 0.0
