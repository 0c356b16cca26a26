"""Time one worker that loads clips of instances, compared with Pillow and dense masks.

The plain loader works like the published training code: Pillow decodes and resizes, masks become
dense arrays at the size of the file and are resized like images. Both loaders read the same
synthetic AVISeg of textured images and polygons, with as many masks per frame as AVISeg (1.6), the
pipeline of configs/_base_/datasets/aviseg.py and the same random numbers; both return uint8 frames,
masks and features as tensors. Training clips and whole test videos are timed separately, in seconds
of processor time, because one worker is one thread and other processes must not count; the best of
several rounds is printed. Pixels and masks of both loaders are compared.

Reasons for the speed: OpenCV decodes (libjpeg-turbo, as in Pillow, without its copies), the
vectorized kernel of torch resizes the clip as one batch, OpenCV changes the layout of the pixels
once, polygons are drawn at the size of the clip, and other masks are looked up once instead of
resized step by step, with equal results. Decoding takes two thirds of the remaining time. Reduced
decoding (JPEG at half size) would save a tenth of it, but change the pixels, so it is not used.

The training clips are then written as WebDataset shards and read from these, one shard after the
other: the same samples, but all frames of each video are read, not only the chosen ones.

    python benchmarks/data_loading.py
    python benchmarks/data_loading.py --size 1080x1920 --rle
"""

import argparse
import itertools
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault('OMP_NUM_THREADS', '1')  # before NumPy and torch read it

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask

from avis.apis.config import load_config
from avis.datasets.aviseg import AVISeg
from avis.datasets.shards import ShardedClips, write_shards
from avis.datasets.transforms.clip import worker_random
from avis.datasets.transforms.moving_crop import RandomMovingCrop
from avis.datasets.transforms.sampling import SampleAroundReference
from avis.structures.masks import encode_mask, rle_to_json, to_rle

CONFIG = Path(__file__).parents[1] / 'configs' / '_base_' / 'datasets' / 'aviseg.py'
TRACKS, PRESENT = 2, 0.82  # 1.64 masks per frame
Sample = dict[str, Any]


def main() -> None:
    """Write the data, time both loaders and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--size', default='720x1280', metavar='HxW')
    parser.add_argument('--videos', type=int, default=4)
    parser.add_argument('--frames', type=int, default=20, help='of a video')
    parser.add_argument('--clips', type=int, default=24)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--rle', action='store_true', help='write RLEs, not polygons')
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    height, width = map(int, args.size.split('x'))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        size = make_data(root, (height, width), args.videos, args.frames, args.rle)
        kind = 'RLEs' if args.rle else 'polygons'
        print(f'{args.videos} videos of {args.frames} frames, {args.size}, {size:.0f} kB, {kind}')
        options = {f'{s}_dataloader.dataset.data_root': str(root) for s in ('train', 'test')}
        cfg = load_config(CONFIG, options)
        train = AVISeg(**without_type(cfg.train_dataloader.dataset))
        test = AVISeg(**without_type(cfg.test_dataloader.dataset))
        plain, whole = PlainClips(root, 'train'), PlainClips(root, 'test')
        rows = [
            Row('training clips', range(args.clips), plain.clip, lambda k: train[k % len(train)]),
            Row('test videos', range(args.videos), whole.video, test.__getitem__),
        ]
        for row in rows:
            report(row, args.rounds)
        report_shards(train, root / 'shards', args.rounds)


def without_type(cfg: Any) -> dict[str, Any]:
    """Return the arguments of a data set."""
    return {key: value for key, value in cfg.items() if key != 'type'}


class Row(NamedTuple):
    """One comparison: title, indices of the clips, and both loaders."""

    title: str
    indices: range
    plain: Callable[[int], Sample]
    ours: Callable[[int], Any]


def report(row: Row, rounds: int) -> None:
    """Time both loaders, and compare their outputs."""
    seconds = {
        'plain': best(row.plain, row.indices, rounds),
        'avis': best(row.ours, row.indices, rounds),
    }
    images = sum(len(load_seeded(row.plain, index)['frames']) for index in row.indices)
    for name, value in seconds.items():
        print(
            f'{row.title:15} {name:6} {images / value:7.1f} images/s '
            f'{len(row.indices) / value:7.2f} clips/s {1000 * value / images:7.2f} ms per image '
            f'{seconds["plain"] / value:6.2f} x'
        )
    compare(row)


def report_shards(dataset: AVISeg, folder: Path, rounds: int) -> None:
    """Time the clips of a data set from their files and from shards, and compare the samples."""
    count = write_shards(dataset, folder, clips_per_shard=2)
    sharded = ShardedClips(dataset=dataset, shards=str(folder), buffer=0)
    for sample, other in zip(list(seeded(sharded)), seeded(from_files(dataset)), strict=True):
        frames, expected = sample['inputs']['frames'], other['inputs']['frames']
        assert torch.equal(frames, expected)
        assert torch.equal(
            sample['data_samples'].gt_tracks.masks, other['data_samples'].gt_tracks.masks
        )
    for name in ('files', 'shards'):
        times = []
        for _ in range(rounds):
            start = time.process_time()
            clips = len(list(seeded(sharded if name == 'shards' else from_files(dataset))))
            times.append(time.process_time() - start)
        print(
            f'{"training clips":15} {name:6} {clips / min(times):7.2f} clips/s, {clips} clips in '
            f'{count} shards, equal samples'
        )


def from_files(dataset: AVISeg) -> Iterator[Any]:
    """Load each clip of a data set."""
    return (dataset[index] for index in range(len(dataset)))


def seeded(clips: Iterable[Any]) -> Iterator[Any]:
    """Give each clip its own random seed before it is loaded."""
    iterator = iter(clips)
    for index in itertools.count():
        worker_random().seed(index)
        try:
            yield next(iterator)
        except StopIteration:
            return


def best(load: Callable[[int], Any], indices: range, rounds: int) -> float:
    """Return the seconds of the fastest round."""
    load_seeded(load, 0)  # initialization on first use does not count
    return min(timed(load, indices) for _ in range(rounds))


def load_seeded(load: Callable[[int], Any], index: int) -> Any:
    """Load one clip with its own random seed."""
    worker_random().seed(index)
    return load(index)


def timed(load: Callable[[int], Any], indices: range) -> float:
    """Return the seconds of processor time of all clips."""
    start = time.process_time()
    for index in indices:
        load_seeded(load, index)
    return time.process_time() - start


def compare(row: Row) -> None:
    """Print how much the outputs of the two loaders differ."""
    worst, differing, overlap, union = 0, [], 0, 0
    for index in row.indices:
        sample, other = load_seeded(row.ours, index), load_seeded(row.plain, index)
        frames, tracks = sample['inputs']['frames'], sample['data_samples'].gt_tracks
        assert torch.equal(sample['inputs']['audio'], other['audio'])
        difference = (frames.int() - other['frames'].int()).abs()
        worst = max(worst, int(difference.max()))
        differing.append(float((difference > 0).float().mean()))
        if isinstance(tracks.masks, list):
            assert [track.rles for track in tracks.masks] == other['masks']
            continue
        assert tracks.ids.tolist() == other['ids']
        overlap += int((tracks.masks & other['masks']).sum())
        union += int((tracks.masks | other['masks']).sum())
    same = 'equal RLEs' if not union else f'IoU of the masks {overlap / union:.4f}'
    share = 100 * float(np.mean(differing))
    print(f'{row.title:15} {share:.3f} % of the pixels differ, by at most {worst} of 255; {same}')


class PlainClips:
    """Loads clips with Pillow, and dense masks at the size of the file.

    Args:
        root: Root of the data.
        split: Name of the split.
    """

    def __init__(self, root: Path, split: str) -> None:
        self.root = root / split
        content = json.loads((root / f'{split}.json').read_text())
        self.videos = content['videos']
        self.tracks: dict[int, list[dict[str, Any]]] = {}
        for track in content['annotations']:
            self.tracks.setdefault(track['video_id'], []).append(track)

    def clip(self, index: int) -> Sample:
        """Load a training clip; draws the same random numbers as the pipeline of the config."""
        video = self.videos[index % len(self.videos)]
        results = SampleAroundReference().transform({'length': video['length']})
        frame_ids = results['frame_ids'].tolist()
        images = [self.image(video, t) for t in frame_ids]
        tracks = self.tracks[video['id']]
        masks = [[self.mask(video, track, t) for t in frame_ids] for track in tracks]
        images, masks = self.augment(images, masks)
        visible = [bool(np.any(track)) for track in masks]
        dense = [track for track, keep in zip(masks, visible, strict=True) if keep]
        return {
            **self.pack(video, images, frame_ids),
            'masks': torch.from_numpy(np.stack([np.stack(track) for track in dense])),
            'ids': [track['id'] for track, keep in zip(tracks, visible, strict=True) if keep],
        }

    def video(self, index: int) -> Sample:
        """Load a whole test video, with its ground truth as RLEs."""
        video = self.videos[index]
        frame_ids = list(range(video['length']))
        images = []
        for t in frame_ids:
            image = self.image(video, t)
            images.append(resize(image, shorter(image.shape[:2], 360, 1333), bilinear=True))
        masks = [
            [self.mask(video, track, t) for t in frame_ids] for track in self.tracks[index + 1]
        ]
        rles = [[encode_mask(mask) if mask.any() else None for mask in track] for track in masks]
        return {**self.pack(video, images, frame_ids), 'masks': rles}

    def augment(
        self, images: list[NDArray[Any]], masks: list[list[NDArray[Any]]]
    ) -> tuple[list[NDArray[Any]], list[list[NDArray[Any]]]]:
        """Apply the moving crop, the resize and the flip."""
        random, moving = worker_random(), RandomMovingCrop()
        if moving.draw_crop():
            short = moving.resize.draw_short_side()
            images, masks = resized(images, masks, shorter(images[0].shape[:2], short, 1333))
            height, width = images[0].shape[:2]
            path = moving.draw_path(len(images), (height, width))
            corners = path.corners().tolist()

            def crop(image: NDArray[Any], t: int) -> NDArray[Any]:
                y, x = corners[t]
                return image[y : y + path.size[0], x : x + path.size[1]]

            images = [crop(image, t) for t, image in enumerate(images)]
            masks = [[crop(mask, t) for t, mask in enumerate(track)] for track in masks]
        short = range(288, 513, 32)[random.randint(8)]
        images, masks = resized(images, masks, shorter(images[0].shape[:2], short, 768))
        if random.rand() < 0.5:
            images = [image[:, ::-1] for image in images]
            masks = [[mask[:, ::-1] for mask in track] for track in masks]
        return images, masks

    def pack(self, video: Any, images: list[NDArray[Any]], frame_ids: list[int]) -> Sample:
        """Convert frames and features to tensors."""
        name = video['file_names'][0].split('/')[0]
        rows = np.load(self.root / 'FEATAudios' / f'{name}.npy')[frame_ids]
        frames = np.ascontiguousarray(np.stack(images).transpose(0, 3, 1, 2))
        return {'frames': torch.from_numpy(frames), 'audio': torch.from_numpy(rows)}

    def image(self, video: Any, t: int) -> NDArray[np.uint8]:
        """Decode one image."""
        with Image.open(self.root / 'JPEGImages' / video['file_names'][t]) as image:
            return np.asarray(image.convert('RGB'))

    def mask(self, video: Any, track: Any, t: int) -> NDArray[np.bool_]:
        """Decode one dense mask at the size of the file."""
        height, width, mask = video['height'], video['width'], track['segmentations'][t]
        if mask is None:
            return np.zeros((height, width), bool)
        if isinstance(mask, list):
            mask = coco_mask.merge(coco_mask.frPyObjects(mask, height, width))
        dense: NDArray[np.bool_] = coco_mask.decode(mask).astype(bool)
        return dense


def shorter(size: tuple[int, ...], short: int, limit: int | None = None) -> tuple[int, int]:
    """Return height and width for a shorter side, with a limit of the longer one (Detectron2)."""
    scale = short / min(size)
    if limit is not None:
        scale = min(scale, limit / max(size))
    return int(size[0] * scale + 0.5), int(size[1] * scale + 0.5)


def resized(
    images: list[NDArray[Any]], masks: list[list[NDArray[Any]]], size: tuple[int, int]
) -> tuple[list[NDArray[Any]], list[list[NDArray[Any]]]]:
    """Resize all images and masks."""
    return (
        [resize(image, size, bilinear=True) for image in images],
        [[resize(mask, size, bilinear=False) for mask in track] for track in masks],
    )


def resize(image: NDArray[Any], size: tuple[int, int], *, bilinear: bool) -> NDArray[Any]:
    """Resize with the filters of Pillow."""
    kind = Image.Resampling.BILINEAR if bilinear else Image.Resampling.NEAREST
    if image.dtype == bool:
        return np.asarray(Image.fromarray(image.view(np.uint8)).resize(size[::-1], kind)) > 0
    return np.asarray(Image.fromarray(image).resize(size[::-1], kind))


def make_data(root: Path, size: tuple[int, int], videos: int, frames: int, rle: bool) -> float:
    """Write an AVISeg for training and testing; return the mean size of an image file in kB."""
    rng = np.random.default_rng(0)
    entries: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    kilobytes: list[float] = []
    for number in range(1, videos + 1):
        name = f'{number:08d}'
        files = [f'{name}/{t:05d}.jpg' for t in range(frames)]
        shape = {'height': size[0], 'width': size[1], 'length': frames}
        entries.append({'id': number, 'file_names': files, **shape})
        for split in ('train', 'test'):
            for folder in (f'JPEGImages/{name}', 'WAVAudios', 'FEATAudios'):
                (root / split / folder).mkdir(parents=True, exist_ok=True)
            rows = rng.normal(size=(frames, 128)).astype(np.float32)
            np.save(root / split / 'FEATAudios' / f'{name}.npy', rows)
        for file in files:
            jpeg = textured(rng, size)
            kilobytes.append(len(jpeg) / 1000)
            for split in ('train', 'test'):
                (root / split / 'JPEGImages' / file).write_bytes(jpeg)
        for _ in range(TRACKS):
            masks = [outline(rng, size, rle) if rng.random() < PRESENT else None for _ in files]
            track = {'id': len(annotations) + 1, 'video_id': number, 'category_id': 1}
            annotations.append({**track, 'iscrowd': 0, 'segmentations': masks})
    whole = {'videos': entries, 'annotations': annotations, 'categories': []}
    for split in ('train', 'test'):
        (root / f'{split}.json').write_text(json.dumps(whole))
    return float(np.mean(kilobytes))


def textured(rng: np.random.Generator, size: tuple[int, int]) -> bytes:
    """Return a JPEG with structure at all scales, about as large as a frame of a real video."""
    image = np.zeros((*size, 3), np.float32)
    for scale in (1, 2, 8, 32, 128):
        small = rng.normal(size=(size[0] // scale + 2, size[1] // scale + 2, 3)).astype(np.float32)
        image += cv2.resize(small, size[::-1], interpolation=cv2.INTER_CUBIC) * scale**0.5
    pixels = np.clip(128 + 6 * image, 0, 255).astype(np.uint8)
    return bytes(cv2.imencode('.jpg', pixels, [cv2.IMWRITE_JPEG_QUALITY, 85])[1])


def outline(rng: np.random.Generator, size: tuple[int, int], rle: bool) -> Any:
    """Return an irregular outline of 60 points, as a polygon or an RLE."""
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    radius = min(size) * rng.uniform(0.15, 0.35) * (1 + 0.1 * rng.normal(size=60))
    center = rng.uniform(0.3, 0.7, 2) * size[::-1]
    points = center + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    polygon = [np.clip(points, 0, np.array(size[::-1]) - 1).round(2).ravel().tolist()]
    if not rle:
        return polygon
    return rle_to_json(to_rle(polygon, *size))


if __name__ == '__main__':
    main()
