"""Videos of painted boxes in the layout of AVISeg, and a model that detects their colors.

Configs and subprocesses import it as ``tests.helpers.painted``. Identity k is a box in color k, of
class k, so every tracker can predict every pixel correctly, and any effect of streaming is visible.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import soundfile
import torch
from mmengine.hooks import Hook
from mmengine.model import BaseModel

from avis.datasets.aviseg import AVISeg
from avis.datasets.transforms.audio import LoadAudio
from avis.datasets.transforms.loading import LoadFrames
from avis.datasets.transforms.packing import PackAVInputs
from avis.datasets.transforms.tracks import LoadTracks
from avis.models.data_preprocessors.av_data_preprocessor import AVDataPreprocessor
from avis.models.decode_heads.frame_predictions import FramePredictions, MaskProjection
from avis.models.trackers.base import TrackerWindow
from avis.registry import HOOKS, MODELS
from avis.structures.labels import AVISEG_CLASSES
from avis.structures.masks import encode_mask, rle_to_json
from avis.utils.mp4 import write_mp4

CONFIG = Path(__file__).parents[1] / 'configs' / 'painted.py'
PIPELINE = (
    {'type': LoadFrames},
    {'type': LoadAudio, 'sample_rate': 1600},
    {'type': LoadTracks, 'form': 'tracks'},
    {'type': PackAVInputs},
)
SIZE = (32, 64)
COLORS = np.array([[250, 30, 30], [30, 250, 30], [30, 30, 250], [250, 250, 30]], np.uint8)
BOX = 8
Scene = Sequence[Mapping[int, tuple[int, int]]]  # T times identity to left and top of its box


def passing(length: int, shift: int = 0) -> list[dict[int, tuple[int, int]]]:
    """Two boxes that pass each other; the second appears late, and is absent for some frames."""
    return [
        {0: ((2 * t + shift) % 56, 4)}
        | ({1: ((100 - 2 * t) % 56, 18)} if t > 2 and t % 9 < 6 else {})
        for t in range(length)
    ]


def paint(scene: Scene) -> np.ndarray:
    """Draw the frames of a scene, (T, H, W, 3)."""
    frames = np.full((len(scene), *SIZE, 3), 128, np.uint8)
    for frame, boxes in zip(frames, scene, strict=True):
        for name, (left, top) in boxes.items():
            frame[top : top + BOX, left : left + BOX] = COLORS[name]
    return frames


def mask_of(box: tuple[int, int]) -> np.ndarray:
    """Return the mask of a box, (H, W)."""
    mask = np.zeros(SIZE, bool)
    mask[box[1] : box[1] + BOX, box[0] : box[0] + BOX] = True
    return mask


def write_data(root: Path, scenes: Mapping[str, Scene]) -> Path:
    """Write scenes as test split of AVISeg: PNG frames, a tone per video, and annotations."""
    videos, annotations = [], []
    (root / 'test' / 'WAVAudios').mkdir(parents=True)
    for number, (name, scene) in enumerate(scenes.items(), start=1):
        folder = root / 'test' / 'JPEGImages' / name
        folder.mkdir(parents=True)
        files = [f'{name}/{t:05d}.png' for t in range(len(scene))]
        for file, frame in zip(files, paint(scene), strict=True):
            cv2.imwrite(str(folder.parent / file), frame[..., ::-1])
        audio = np.sin(np.arange(len(scene) * 1600) / 10).astype(np.float32)
        soundfile.write(root / 'test' / 'WAVAudios' / f'{name}.wav', audio, 1600)
        videos.append({'id': number, 'file_names': files, 'height': SIZE[0], 'width': SIZE[1]})
        for identity in sorted({key for boxes in scene for key in boxes}):
            masks = [None if identity not in boxes else mask_of(boxes[identity]) for boxes in scene]
            entry = {'id': len(annotations) + 1, 'video_id': number, 'category_id': identity + 1}
            entry['areas'] = [None if mask is None else int(mask.sum()) for mask in masks]
            entry['segmentations'] = [
                None if mask is None else rle_to_json(encode_mask(mask)) for mask in masks
            ]
            annotations.append({**entry, 'iscrowd': 0, 'height': SIZE[0], 'width': SIZE[1]})
    categories = [{'id': k, 'name': name} for k, name in enumerate(AVISEG_CLASSES, start=1)]
    content = {'videos': videos, 'annotations': annotations, 'categories': categories}
    (root / 'test.json').write_text(json.dumps(content))
    return root


def write_video(path: Path, scene: Scene, *, fps: float = 10.0, audio: bool = True) -> Path:
    """Write a scene as an mp4."""
    samples = np.sin(np.arange(round(len(scene) / fps * 16000)) / 20) * 8000
    write_mp4(path, paint(scene), fps=fps, audio=samples.astype(np.int16) if audio else None)
    return path


@MODELS.register_module()
class PaintedModel(BaseModel):
    """Segments the pixels of each color, and passes them to a tracker.

    Args:
        tracker: Config of the tracker.
        log: File that gets, for each window, its start and the shapes of frames and audio.
    """

    def __init__(self, *, tracker: dict, log: str | None = None) -> None:
        super().__init__(data_preprocessor=AVDataPreprocessor())
        self.tracker = MODELS.build(tracker)
        self.weight = torch.nn.Parameter(torch.zeros(1))  # optimizers need a parameter
        self.log = log

    def start_video(self):
        return self.tracker.start()

    def predict_window(self, state, inputs, window: TrackerWindow) -> None:
        if self.log is not None:
            with Path(self.log).open('a') as file:
                frames, audio = (list(inputs[key].shape) for key in ('frames', 'audio'))
                file.write(json.dumps([window.start, frames, audio]) + '\n')
        frames = self.detect(inputs['frames'])
        audio = inputs['frames'].new_zeros(*inputs['frames'].shape[:2], 4)
        self.tracker.update(state, frames, audio, window)

    def finish_video(self, state):
        return self.tracker.finish(state)

    def detect(self, frames: torch.Tensor) -> FramePredictions:
        """Convert colors to predictions; ``frames`` (1, T, 3, H, W) is normalized."""
        preprocessor = self.data_preprocessor
        pixels = frames * preprocessor.std + preprocessor.mean
        colors = torch.from_numpy(COLORS).to(pixels)[:, :, None, None]
        distance = (pixels[:, :, None] - colors).abs().amax(3)  # (1, T, Q, H, W)
        inside = distance < 90
        visible = inside.flatten(3).sum(3) > 10
        length, queries = frames.shape[1], len(COLORS)
        logits = pixels.new_full((1, length, queries, len(AVISEG_CLASSES) + 1), -10.0)
        for k in range(queries):
            logits[:, :, k, k] = torch.where(visible[:, :, k], 10.0, -10.0)
        logits[..., -1] = torch.where(visible, -10.0, 10.0)
        eye = torch.eye(queries, device=pixels.device)
        return FramePredictions(
            class_logits=logits,
            mask_embeds=eye.expand(1, length, -1, -1),
            queries=eye.expand(1, 1, length, -1, -1),
            pixel_features=torch.where(inside, 10.0, -10.0),
            projection=MaskProjection(eye, pixels.new_zeros(queries)),
        )

    def forward(self, inputs, data_samples=None, mode='tensor'):
        if mode == 'loss':
            return {'loss': self.weight.sum()}
        (sample,) = data_samples
        state = self.start_video()
        self.predict_window(state, inputs, TrackerWindow.from_sample(sample))
        sample.pred_tracks = self.finish_video(state)
        return data_samples


@HOOKS.register_module()
class OutputsHook(Hook):
    """Records the names of the videos that each iteration of the last test returned."""

    videos: ClassVar[list[list[str]]] = []

    def before_test(self, runner) -> None:
        self.videos.clear()

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self.videos.append([sample.video_name for sample in outputs])


def dataset_of(root: str | Path, **arguments: object) -> dict[str, object]:
    """Config of the data set that :func:`write_data` wrote."""
    arguments = {'pipeline': PIPELINE, **arguments}
    return {'type': AVISeg, 'split': 'test', 'data_root': str(root), **arguments}
