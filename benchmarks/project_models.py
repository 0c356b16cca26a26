"""Compare time and memory of the methods in projects with those of their official computation.

Both sides are one model of a published config with the same random weights. The official side
computes in the form of the official code (published_forms.py, published_projects.py). The sides
run in turn, each in a forked process of its own, and the results must agree:

- `inference`: a clip to tracks as RLE, or to label maps;
- `training`: one clip of 5 frames, forward, losses and backward.

Times are seconds of processor time of one thread, as in avism.py, which measures AVISM. Memory is
the highest resident memory of a process above that of the loaded model. Of ACVIS and H2S all
candidates have masks on both sides, because random weights find nothing above the threshold. Set
losses draw as many points per pixel as the published 12,544 are at 360 x 640.

    python benchmarks/project_models.py                     # half an hour on one core
    python benchmarks/project_models.py --methods vita_r50 --kinds inference
    python benchmarks/project_models.py --small --height 64 --width 128     # a minute
"""

import argparse
import math
import multiprocessing
from dataclasses import dataclass
from typing import Any

from avism import FORMS, FixedPoints, compare, measure_calls, track_results
from gpu_models import ENTRIES, TRAINING_FRAMES, build_model

METHODS = tuple(name for name, entry in ENTRIES.items() if entry.config.startswith('projects/'))
KINDS = ('inference', 'training')


@dataclass(frozen=True)
class Model:
    """A model, and what it is run on.

    Attributes:
        method: Of ``METHODS``.
        model: The model of avis.
        size: Height and width of the frames.
        frames: Of a clip in inference.
    """

    method: str
    model: Any
    size: tuple[int, int]
    frames: int

    @classmethod
    def make(
        cls, method: str, frames: int, size: tuple[int, int], *, small: bool = False
    ) -> 'Model':
        """Build the model of the published config, or of the small one."""
        from torch import nn

        from avis.models.losses.mask_set_loss import MaskSetLoss

        model = build_model(ENTRIES[method], small=small, deterministic=True)
        model.sounding_gate = None  # of small models; no official code has one
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
            if isinstance(module, MaskSetLoss):
                share = min(1.0, size[0] * size[1] / (360 * 640))
                module.points = FixedPoints(round(module.points.num_points * share))
        return cls(method, model, size, frames)

    def run(self, kind: str, form: str) -> list[float]:
        """Run one side and return values to compare."""
        step = self.inference if kind == 'inference' else self.training
        if form == 'ours':
            return step()
        from published_forms import published_forms
        from published_projects import forms_of

        with published_forms(forms_of(self.method)):
            return step()

    def inference(self) -> list[float]:
        """Predict a clip."""
        import torch

        data = self._data(self.frames, training=False)
        with torch.no_grad():
            (sample,) = self.model.eval()(data['inputs'], data['data_samples'], mode='predict')
        if 'pred_sem_seg' in sample:
            means: list[float] = sample.pred_sem_seg.prob.double().mean((1, 2)).tolist()
            return means
        tracks = sample.pred_tracks
        return track_results(tracks.scores, tracks.labels, [mask.rles for mask in tracks.masks])

    def training(self) -> list[float]:
        """Run forward, losses and backward of one clip."""
        model = self.model.train()
        model.zero_grad()
        losses = model(**self._data(TRAINING_FRAMES, training=True), mode='loss')
        sum(value for name, value in losses.items() if 'loss' in name).backward()
        return [value.item() for _, value in sorted(losses.items())] + [
            _gradient_norm(part) for part in model.children()
        ]

    def _data(self, frames: int, *, training: bool) -> dict[str, Any]:
        from tests.helpers.random_clips import make_batch

        batch = make_batch(self.model, clips=1, frames=frames, size=self.size)
        data: dict[str, Any] = self.model.data_preprocessor(batch, training)
        return data


def _gradient_norm(part: Any) -> float:
    grads = [weight.grad for weight in part.parameters() if weight.grad is not None]
    return math.sqrt(sum(grad.double().square().sum().item() for grad in grads))


def measure(model: Model, kind: str, repetitions: int) -> dict[str, dict[str, Any]]:
    """Run the sides in turn, each in a process of its own that has the model already."""
    sides = {form: _start_side(model, kind, form) for form in FORMS}
    runs: dict[str, list[dict[str, Any]]] = {form: [] for form in FORMS}
    for _ in range(repetitions):
        for form, (_process, pipe) in sides.items():
            pipe.send(True)
            runs[form].append(pipe.recv())
    for process, pipe in sides.values():
        pipe.send(False)
        process.join()
    return {
        form: {
            'seconds': min(run['seconds'] for run in of_form),
            'peak': of_form[-1]['peak'] - of_form[0]['loaded'],
            'result': of_form[-1]['result'],
        }
        for form, of_form in runs.items()
    }


def _start_side(model: Model, kind: str, form: str) -> tuple[Any, Any]:
    """Start the process of a side; returns it and the pipe to it."""
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context('fork')
    process = context.Process(target=_run_when_asked, args=(theirs, model, kind, form))
    process.start()
    theirs.close()
    return process, ours


def _run_when_asked(pipe: Any, model: Model, kind: str, form: str) -> None:
    while pipe.recv():
        pipe.send(measure_calls(lambda: model.run(kind, form), 1))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--methods', nargs='+', choices=METHODS, default=METHODS)
    parser.add_argument('--kinds', nargs='+', choices=KINDS, default=KINDS)
    parser.add_argument('--frames', type=int, default=12)
    parser.add_argument('--height', type=int, default=192)
    parser.add_argument('--width', type=int, default=320)
    parser.add_argument('--repetitions', type=int, default=2)
    parser.add_argument('--small', action='store_true', help='the small (demo) configs')
    args = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    print(f'{args.frames} frames of {args.height} x {args.width}, one thread')
    for method in args.methods:
        print(method)
        model = Model.make(method, args.frames, (args.height, args.width), small=args.small)
        for kind in args.kinds:
            print('\n'.join(compare(kind, measure(model, kind, args.repetitions))), flush=True)


if __name__ == '__main__':
    main()
