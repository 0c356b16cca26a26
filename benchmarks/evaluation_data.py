"""Ground truth and predictions for evaluation.py: irregular outlines that move in an image.

Predictions resemble those of an average method: shifted and rescaled outlines that start late, stop
early, and once swap identities.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avis.structures.masks import encode_mask, rle_to_json

Mask = NDArray[np.uint8]
Size = tuple[int, int]
NUM_CLASSES = 26
PERSONS = 3
# Paths at which TrackEval expects the files of AVISeg.
GT_FILE = 'gt/youtube_vis_train_sub_split/test.json'
PRED_FILE = 'pred/youtube_vis_train_sub_split/ours/data/results.json'
_POINTS = 48


@dataclass(frozen=True)
class Outline:
    """An outline that oscillates around a center.

    Attributes:
        center: Mean position, (2,) x and y in pixels.
        amplitude: Amplitude of the oscillation, (2,).
        phase: Phase of the oscillation, (2,).
        radius: Half width and half height, (2,).
        shape: Factor of the radius in each direction, (P,).
        sounding: First frame with a mask, and first frame after the last mask.
    """

    center: NDArray[np.float64]
    amplitude: NDArray[np.float64]
    phase: NDArray[np.float64]
    radius: NDArray[np.float64]
    shape: NDArray[np.float64]
    sounding: tuple[int, int]

    @classmethod
    def draw_one(cls, rng: np.random.Generator, size: Size, frames: int) -> 'Outline':
        """One outline that sounds for at least two thirds of the frames."""
        extent = np.array(size[::-1], float)
        return cls(
            center=extent * rng.uniform(0.25, 0.75, 2),
            amplitude=extent * rng.uniform(0.02, 0.15, 2),
            phase=rng.uniform(0, 2 * np.pi, 2),
            radius=extent.min() * rng.uniform(0.1, 0.3, 2),
            shape=1 + rng.normal(0, 0.05, _POINTS),
            sounding=(
                int(rng.integers(frames // 6 + 1)),
                frames - int(rng.integers(frames // 6 + 1)),
            ),
        )

    def points(self, frame: int, shift: Any = 0.0, scale: float = 1.0) -> NDArray[np.float64]:
        """The corners in a frame, (P, 2) x and y."""
        angle = np.linspace(0, 2 * np.pi, _POINTS, endpoint=False)
        circle = np.stack([np.cos(angle), np.sin(angle)], axis=1) * self.shape[:, None]
        center = self.center + self.amplitude * np.sin(self.phase + frame / 20) + shift
        return center + circle * self.radius * scale

    def mask(self, frame: int, size: Size, shift: Any = 0.0, scale: float = 1.0) -> Mask | None:
        """The mask (H, W) of 0 and 1; None where it does not sound."""
        if not self.sounding[0] <= frame < self.sounding[1]:
            return None
        points = self.points(frame, shift, scale).round().astype(np.int32)
        image = np.zeros(size, np.uint8)
        cv2.fillPoly(image, [points], 1)
        return image if image.any() else None


@dataclass(frozen=True)
class Prediction:
    """A prediction of an outline: shifted, rescaled, and late by a few frames."""

    outline: Outline
    shift: NDArray[np.float64]
    scale: float
    late: int

    @classmethod
    def draw_one(cls, rng: np.random.Generator, outline: Outline) -> 'Prediction':
        """A prediction with an IoU of about 0.6 to 0.95."""
        shift = outline.radius * rng.uniform(-0.15, 0.15, 2)
        return cls(outline, shift, float(rng.uniform(0.9, 1.1)), int(rng.integers(3)))

    def mask(self, frame: int, size: Size) -> Mask | None:
        """The predicted mask (H, W); None where nothing is predicted."""
        if frame < self.outline.sounding[0] + self.late:
            return None
        return self.outline.mask(frame, size, self.shift, self.scale)


def write_avtrack(root: Path, *, videos: int, frames: int, size: Size) -> None:
    """Write ``gt/`` and ``pred/`` in the layout of AVTrack; gt gray levels are 80, 160, 240."""
    rng = np.random.default_rng(0)
    entries = []
    for number in range(videos):
        name = f'talk_A_{number:02d}'
        persons = [Outline.draw_one(rng, size, frames) for _ in range(PERSONS)]
        guesses = [Prediction.draw_one(rng, person) for person in persons]
        gt, pred = root / 'gt' / 'Instance_Masks_merged' / name, root / 'pred' / name
        for folder in (gt, *(pred / f'person_{k}' for k in range(PERSONS))):
            folder.mkdir(parents=True)
        files = [f'frame_{t:05d}.png' for t in range(frames)]
        for t, file in enumerate(files):
            image = np.zeros(size, np.uint8)
            for k, (person, guess) in enumerate(zip(persons, guesses, strict=True)):
                gt_mask, pred_mask = person.mask(t, size), guess.mask(t, size)
                if gt_mask is not None:
                    image[gt_mask > 0] = 80 * (k + 1)
                # In the last third the first two persons are swapped.
                person_id = {0: 1, 1: 0}.get(k, k) if 3 * t >= 2 * frames else k
                if pred_mask is not None:
                    path = pred / f'person_{person_id}' / f'frame_{t:04d}.png'
                    cv2.imwrite(str(path), 255 * pred_mask)
            cv2.imwrite(str(gt / file), image)
        files = [f'{name}/{file}' for file in files]
        height, width = size
        entries.append(
            {'id': number, 'file_names': files, 'height': height, 'width': width, 'length': frames}
        )
    (root / 'gt' / 'avtrack_meta.json').write_text(json.dumps({'videos': entries}))


def write_aviseg(root: Path, *, videos: int, frames: int, size: Size, different: int = 0) -> None:
    """Write the ground truth, ``GT_FILE``, and the results, ``PRED_FILE``, in the layout of AVISeg.

    GT masks are polygons; predictions are compressed RLEs, blank where nothing is predicted, as
    the official model writes them.

    Args:
        root: Folder to write to.
        videos: Number of videos.
        frames: Frames of each.
        size: Height and width.
        different: Number of different videos, which are repeated under other names; 0 for all.
    """
    rng = np.random.default_rng(1)
    height, width = size
    drawn = [_draw_tracks(rng, size, frames) for _ in range(different or videos)]
    entries: list[Any] = []
    annotations: list[Any] = []
    results: list[Any] = []
    for number in range(videos):
        names = [f'video_{number:05d}/{t:05d}.jpg' for t in range(frames)]
        shape = {'height': height, 'width': width, 'length': frames}
        entries.append({'id': number, 'file_names': names, **shape})
        gt, pred = drawn[number % len(drawn)]
        for track in gt:
            ids = {'id': len(annotations) + 1, 'video_id': number, 'iscrowd': 0}
            annotations.append({**ids, **shape, **track})
        results += [{'video_id': number, **track} for track in pred]
    categories = [{'id': k, 'name': f'class_{k}'} for k in range(1, NUM_CLASSES + 1)]
    content = {'videos': entries, 'categories': categories, 'annotations': annotations}
    for path, whole in ((GT_FILE, content), (PRED_FILE, results)):
        (root / path).parent.mkdir(parents=True)
        (root / path).write_text(json.dumps(whole))


Tracks = list[dict[str, Any]]


def _draw_tracks(rng: np.random.Generator, size: Size, frames: int) -> tuple[Tracks, Tracks]:
    """One to five gt tracks of a video, and a predicted one for each."""
    gt, pred = [], []
    for _ in range(rng.integers(1, 6)):
        outline = Outline.draw_one(rng, size, frames)
        guess = Prediction.draw_one(rng, outline)
        label = int(rng.integers(1, NUM_CLASSES + 1))
        found = label if rng.random() < 0.85 else int(rng.integers(1, NUM_CLASSES + 1))
        masks = [outline.mask(t, size) for t in range(frames)]
        guesses = [guess.mask(t, size) for t in range(frames)]
        gt.append(
            {
                'category_id': label,
                'segmentations': [
                    None if m is None else _polygon(outline, t) for t, m in enumerate(masks)
                ],
                'areas': [None if m is None else int(m.sum()) for m in masks],
            }
        )
        blank = np.zeros(size, np.uint8)
        rles = [_rle(blank if m is None else m) for m in guesses]
        score = round(float(rng.uniform(0.2, 1)), 6)
        pred.append({'category_id': found, 'score': score, 'segmentations': rles})
    return gt, pred


def _polygon(outline: Outline, frame: int) -> list[list[float]]:
    return [outline.points(frame).round(1).ravel().tolist()]


def _rle(mask: Mask) -> dict[str, Any]:
    return rle_to_json(encode_mask(mask))
