"""Compare time and memory of AVISM-R50 with those of the official computation, in one run.

Both sides are the model of configs/avis/avism/avism_r50_in_aviseg.py with the same weights. The
official side computes as the official code (published_avism.py). Each side runs in a process of its
own, and the results must agree:

- `clip`: the clip module alone, from the queries of 60 frames to class logits and mask embeddings;
- `inference`: 60 frames of 360 x 640 to tracks as RLE;
- `training`: one clip of 5 frames of 360 x 640, forward, losses and backward.

Times are seconds of processor time of all threads, the best of several repetitions, so that other
load of the machine does not count. Memory is the highest resident memory of the process.

    python benchmarks/avism.py                          # a quarter of an hour on one core
    python benchmarks/avism.py --kinds clip
    python benchmarks/avism.py --frames 6 --height 96 --width 160
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the recorded weights are made by tests/helpers/golden.py

import avis  # noqa: E402, F401 - before mmdet: replaces mmcv's compiled ops

CONFIG = ROOT / 'configs' / 'avis' / 'avism' / 'avism_r50_in_aviseg.py'
CLIP = 5  # frames of a training step
FORMS = ('published', 'ours')
KINDS = ('clip', 'inference', 'training')
# Relative. Rounding decides points and positions close to a threshold, which changes gradients.
TOLERANCE = {'clip': 1e-5, 'inference': 1e-3, 'training': 5e-3}


class FixedPoints:
    """Importance sampling with the same candidates for every mask, in any order of calls.

    Args:
        num_points: P.
    """

    def __init__(self, num_points: int) -> None:
        import torch

        rng = torch.Generator().manual_seed(0)
        self.many, self.few, self.rest = (
            torch.rand(1, count, 2, generator=rng)
            for count in (3 * num_points, num_points, num_points // 4)
        )

    def for_matching(self, like: Any, generator: Any = None) -> Any:
        """Return points (1, P, 2)."""
        return self.few

    def for_loss(self, logits: Any, generator: Any = None) -> Any:
        """Return points (M, P, 2): the most uncertain candidates and some others."""
        import torch
        from mmcv.ops import point_sample

        values = point_sample(logits, self.many.expand(len(logits), -1, -1))[:, 0].abs()
        count = self.few.shape[1] - self.rest.shape[1]
        best = values.topk(count, largest=False).indices
        return torch.cat([self.many[0, best], self.rest.expand(len(logits), -1, -1)], 1)


def build() -> Any:
    """Build the model with the weights of the golden, which predict a few instances in noise."""
    from avis.apis import load_config
    from avis.models.converters.avism import convert_avism
    from avis.registry import MODELS
    from tests.helpers.golden import load_golden

    config = load_config(CONFIG).model
    config.backbone.init_cfg = None
    model = MODELS.build(config)
    weights, _ = convert_avism(load_golden('models/avism_r50').state_dict())
    model.load_state_dict(weights)
    return model


def gt(frames: int, height: int, width: int) -> Any:
    """Return a clip with two instances, one of which is visible in the second frame only."""
    import torch
    from mmengine.structures import InstanceData

    from avis.structures.av_data_sample import AVDataSample

    masks = torch.zeros(2, frames, height, width, dtype=torch.bool)
    masks[0, :, height // 4 : height // 2, width // 4 : width // 2] = True
    masks[1, 1, : height // 3, : width // 3] = True
    labels, ids = torch.tensor([0, 3]), torch.tensor([1, 2])
    return AVDataSample(gt_tracks=InstanceData(labels=labels, ids=ids, masks=masks))


@dataclass(frozen=True)
class Side:
    """One side: its methods are timed and return values to compare.

    Attributes:
        form: ``'published'`` or ``'ours'``.
        model: The model of avis; the official side uses its weights.
        frames: (T, 3, H, W), normalized and padded.
        audio: (T, 128).
        window: The sizes of the frames.
    """

    form: str
    model: Any
    frames: Any
    audio: Any
    window: Any

    @classmethod
    def make(cls, form: str, frames: int, height: int, width: int) -> 'Side':
        """Build the model and its input, which is noise."""
        import torch

        from avis.models.trackers.base import TrackerWindow

        model = build()
        for loss in (model.frame_head.loss_set, model.tracker.loss_set):
            loss.points = FixedPoints(loss.points.num_points)
        size = (-(-height // 32) * 32, -(-width // 32) * 32)
        rng = torch.Generator().manual_seed(1)
        images = torch.zeros(frames, 3, *size)
        images[..., :height, :width] = torch.randn(frames, 3, height, width, generator=rng)
        audio = torch.rand(frames, 128, generator=rng)
        return cls(
            form, model, images, audio, TrackerWindow(0, size, (height, width), (height, width))
        )

    @cached_property
    def published(self) -> Any:
        """The official side, with the weights of the model."""
        from published_avism import PublishedAVISM

        return PublishedAVISM(self.model)

    def clip(self) -> list[float]:
        """Run the clip module."""
        import torch

        head = self.model.eval().tracker.head
        length, (height, width) = len(self.frames), self.window.input_shape
        rng = torch.Generator().manual_seed(2)
        queries = torch.randn(1, 1, length, 100, 256, generator=rng)
        with torch.no_grad():
            if self.form == 'ours':
                predictions = head(queries, self.audio[None])
                layer = predictions.layers[-1]
                predictions.projection.project_embeds(layer.mask_embeds)
                return [_size(part) for part in layer]
            features = torch.ones(1, length, 256, height // 4, width // 4)
            out = self.published.clip_head(queries, self.audio[None], features)
        return [_size(out['class_logits']), _size(out['mask_embeds'])]

    def inference(self) -> list[float]:
        """Run from frames to tracks."""
        import torch

        model = self.model.eval()
        if self.form == 'published':
            with torch.no_grad():
                found = self.published.eval().predict(self.frames, self.audio, self.window)
            order = found['scores'].argsort(descending=True)
            rles = [found['rles'][index] for index in order.tolist()]
            return track_results(found['scores'][order], found['labels'][order], rles)
        state = model.start_video()
        inputs = {'frames': self.frames[None], 'audio': self.audio[None]}
        model.predict_window(state, inputs, self.window)
        tracks = model.finish_video(state)
        return track_results(tracks.scores, tracks.labels, [mask.rles for mask in tracks.masks])

    def training(self) -> list[float]:
        """Run forward, losses and backward of one clip."""
        model = self.model.train()
        model.zero_grad()
        frames, audio = self.frames[:CLIP], self.audio[:CLIP]
        sample = gt(len(frames), *self.window.input_shape)
        if self.form == 'ours':
            backbone = model.backbone
            inputs = {'frames': frames[None], 'audio': audio[None]}
            losses = model(inputs, [sample], mode='loss')
        else:
            self.published.train().zero_grad()
            backbone = self.published.backbone
            losses = self.published.loss(frames, audio, sample)
        sum(losses.values()).backward()
        shared = (backbone.layer4[2].conv3, model.tracker.head.input_proj)
        norms = [layer.weight.grad.double().norm().item() for layer in shared]
        return [losses[name].item() for name in sorted(losses)] + norms


def _size(values: Any) -> float:
    return values.double().square().mean().sqrt().item()


def track_results(scores: Any, labels: Any, rles: Any) -> list[float]:
    """Return scores, labels and areas of the tracks in one list."""
    from pycocotools import mask as coco_mask

    areas = [sum(int(coco_mask.area(rle)) for rle in track if rle) for track in rles]
    return [*scores.tolist(), *labels.tolist(), *areas]


def memory(name: str) -> float:
    """``VmRSS`` (now) or ``VmHWM`` (highest so far) of this process in MB."""
    found = re.search(rf'{name}:\s+(\d+) kB', Path('/proc/self/status').read_text())
    assert found is not None
    return int(found[1]) * 1024 / 1e6


def measure(kind: str, form: str, args: argparse.Namespace) -> dict[str, Any]:
    """Run one side in this process."""
    run = getattr(Side.make(form, args.frames, args.height, args.width), kind)
    return measure_calls(run, args.repetitions)


def measure_calls(run: Callable[[], list[float]], repetitions: int) -> dict[str, Any]:
    """Return ``seconds``, ``loaded`` and ``peak`` MB of this process, and the last ``result``."""
    loaded, seconds = memory('VmRSS'), []
    for _ in range(repetitions):
        start = time.process_time()
        result = run()
        seconds.append(time.process_time() - start)
    return {'seconds': min(seconds), 'loaded': loaded, 'peak': memory('VmHWM'), 'result': result}


def measure_in_process(kind: str, form: str, args: argparse.Namespace) -> dict[str, Any]:
    """:func:`measure` in a fresh process."""
    command = [sys.executable, __file__, '--worker', kind, form]
    for name in ('frames', 'height', 'width', 'repetitions'):
        command += [f'--{name}', str(getattr(args, name))]
    environment = {**os.environ, 'OMP_NUM_THREADS': str(args.threads)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def compare(kind: str, sides: dict[str, dict[str, Any]]) -> list[str]:
    """Return the lines of the report.

    Raises:
        ValueError: The results of the two sides differ.
    """
    ours, published = sides['ours'], sides['published']
    pairs = list(zip(ours['result'], published['result'], strict=True))
    worst = max((abs(a - b) / max(abs(b), 1e-3) for a, b in pairs), default=0.0)
    if not pairs or worst > TOLERANCE[kind]:
        raise ValueError(f'{kind}: {len(pairs)} results of both sides differ by {worst:.1e}')
    lines = [f'{kind}: {len(pairs)} results agree within {worst:.1e} of their size']
    for name, unit in (('seconds', 's'), ('peak', 'MB peak')):
        a, b = published[name], ours[name]
        how = f'{a / b:.2f} times faster' if name == 'seconds' else f'{b / a:.2f} of it'
        lines.append(f'  published {a:8.2f}  ours {b:8.2f} {unit}: {how}')
    return lines


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--kinds', nargs='+', choices=KINDS, default=KINDS)
    parser.add_argument('--frames', type=int, default=60)
    parser.add_argument('--height', type=int, default=360)
    parser.add_argument('--width', type=int, default=640)
    parser.add_argument('--repetitions', type=int, default=2)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--worker', nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        print(json.dumps(measure(*args.worker, args)))
        return
    print(f'AVISM-R50, {args.frames} frames of {args.height} x {args.width}, {args.threads} thread')
    for kind in args.kinds:
        sides = {form: measure_in_process(kind, form, args) for form in FORMS}
        print('\n'.join(compare(kind, sides)), flush=True)


if __name__ == '__main__':
    main()
