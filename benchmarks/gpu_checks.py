"""Checks of gpu.py: results on a device against those on the CPU, and synchronizations."""

import contextlib
import copy
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from gpu_models import ROOT, Entry, build_model, train_step
from torch import Tensor
from torch.overrides import TorchFunctionMode

from tests.helpers import simulated_device
from tests.helpers.named_tensors import named_tensors
from tests.helpers.random_clips import make_batch

FRAMES, CLIPS = 3, 2
SIZE, SMALL_SIZE = (128, 160), (64, 96)
# Relative, between a device and float32 on the CPU: norm of the difference over the norm; of label
# maps the share of pixels that differ. Rounding decides points and positions close to a threshold.
TOLERANCE = {
    'fp32': {'outputs': 1e-3, 'predictions': 1e-3, 'losses': 1e-3, 'gradients': 5e-3},
    'bf16': {'outputs': 0.1, 'predictions': 0.1, 'losses': 0.05, 'gradients': 0.15},
}
SYNCHRONIZING = 'called a synchronizing CUDA operation'

_CREATORS = {torch.rand, torch.randn, torch.randint, torch.randperm}
_LIKE = {torch.rand_like: torch.rand, torch.randn_like: torch.randn}
Result = dict[str, dict[str, Tensor]]


class SameRandomNumbers(TorchFunctionMode):
    """Draw random numbers on the CPU, so that they are the same for every device."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Replace functions that draw numbers."""
        kwargs = dict(kwargs or {})
        if func in _CREATORS:
            return self._create(func, args, kwargs)
        if func in _LIKE:
            like = args[0]
            return self._create(_LIKE[func], (like.shape,), {'device': like.device, **kwargs})
        if func is torch.multinomial:
            weights, *rest = args
            return func(weights.cpu(), *rest, **kwargs).to(weights.device)
        return func(*args, **kwargs)

    def _create(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Tensor:
        device, generator = kwargs.pop('device', None), kwargs.pop('generator', None)
        if generator is not None and generator.device.type != 'cpu':
            generator = torch.Generator().manual_seed(generator.initial_seed())
        numbers: Tensor = func(*args, generator=generator, **kwargs)
        return numbers if device is None else numbers.to(device)


def float_tensors(value: Any) -> dict[str, Tensor]:
    """Return the float tensors of outputs in float32 on the CPU, by their path."""
    return {
        name: tensor.detach().float().cpu()
        for name, tensor in named_tensors(value)
        if tensor.is_floating_point()
    }


def summarize(samples: list[Any]) -> dict[str, Tensor]:
    """Return the predictions of a batch as tensors: masks of tracks by their areas."""
    found: dict[str, Tensor] = {}
    for index, sample in enumerate(samples):
        if 'pred_speaking' in sample:
            found[f'speaking.{index}'] = sample.pred_speaking.float().cpu()
        elif 'pred_sem_seg' in sample:
            found[f'sem_seg.{index}'] = sample.pred_sem_seg.sem_seg.cpu()
        else:
            tracks = sample.pred_tracks
            areas = [float(mask.to_dense().sum()) for mask in tracks.masks]
            found[f'scores.{index}'] = tracks.scores.float().cpu().sort().values
            found[f'areas.{index}'] = torch.tensor(areas).sort().values
    return found


def compute(model: Any, batch: dict[str, Any], device: str, precision: str) -> Result:
    """Run a copy of a model on a device: raw outputs, predictions, losses, gradient norms.

    The gradient norms are those of the parts of the model.
    """
    model = copy.deepcopy(model).to(device)
    autocast = torch.autocast(device, torch.bfloat16, enabled=precision == 'bf16')
    result: Result = {}
    with SameRandomNumbers():
        with torch.no_grad(), autocast:
            model.eval()
            data = _preprocess(model, batch, training=False)
            torch.manual_seed(2)
            result['outputs'] = float_tensors(model(data['inputs']))
            torch.manual_seed(2)
            result['predictions'] = summarize(model(**data, mode='predict'))
        model.train()
        torch.manual_seed(3)
        with autocast:
            data = _preprocess(model, batch, training=True)
            losses = model(**data, mode='loss')
        losses = {name: value for name, value in losses.items() if name.startswith('loss')}
        sum(losses.values()).backward()
    result['losses'] = float_tensors(losses)
    result['gradients'] = gradient_norms(model)
    return result


def _preprocess(model: Any, batch: dict[str, Any], training: bool) -> Any:
    """The data preprocessor on copies of the samples, which predictions are written into."""
    samples = [sample.clone() for sample in batch['data_samples']]
    return model.data_preprocessor({**batch, 'data_samples': samples}, training)


def gradient_norms(model: Any) -> dict[str, Tensor]:
    """Return the norm of the gradient of each part of a model that is trained."""
    norms = {}
    for name, part in model.named_children():
        gradients = [weight.grad for weight in part.parameters() if weight.grad is not None]
        if gradients:
            squares = torch.stack([grad.double().square().sum() for grad in gradients])
            norms[name] = squares.sum().sqrt().float().cpu()
    return norms


def difference(ours: Tensor, reference: Tensor) -> float:
    """Return the norm of the difference over the norm; of integers the share that differs."""
    if ours.shape != reference.shape:
        return float('inf')
    if not ours.numel():
        return 0.0
    if not reference.is_floating_point():
        return (ours != reference).float().mean().item()
    size = (ours.double() - reference.double()).norm() / reference.double().norm().clamp_min(1e-6)
    return size.nan_to_num(torch.inf).item()


def compare(ours: Result, reference: Result) -> dict[str, dict[str, Any]]:
    """Return the largest difference of each kind of result, and the name of that result."""
    worst = {}
    for kind, values in reference.items():
        assert values.keys() == ours[kind].keys(), f'{kind}: other names'
        if values:
            pairs = ((difference(ours[kind][name], values[name]), name) for name in values)
            size, name = max(pairs)
            worst[kind] = {'difference': size, 'at': name}
    return worst


def check_correctness(
    name: str, entry: Entry, device: str, small: bool, send: Callable[[dict[str, Any]], None]
) -> None:
    """Compare a model on a device with float32 on the CPU, and send a record per precision."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    model = build_model(entry, small=small, deterministic=True)
    size = SMALL_SIZE if small else SIZE
    batch = make_batch(model, clips=CLIPS, frames=FRAMES, size=size)
    reference = compute(model, batch, 'cpu', 'fp32')
    for precision, tolerance in TOLERANCE.items():
        if precision == 'bf16' and device == simulated_device.NAME:
            continue  # it has no autocast
        record: dict[str, Any] = {'part': 'correctness', 'model': name, 'precision': precision}
        try:
            worst = compare(compute(model, batch, device, precision), reference)
            good = all(worst[kind]['difference'] <= tolerance[kind] for kind in worst)
            record |= {'worst': worst, 'tolerance': tolerance, 'passed': good}
        except Exception:
            record['error'] = traceback.format_exc()
        send(record)


def count_synchronizations(
    name: str, entry: Entry, device: str, small: bool, send: Callable[[dict[str, Any]], None]
) -> None:
    """Send where a training step and a predicted clip wait for the GPU, and how often."""
    model = build_model(entry, small=small).to(device)
    size = SMALL_SIZE if small else SIZE
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-5)
    batch = make_batch(model, clips=1, frames=FRAMES, size=size)
    for step in ('training', 'inference'):
        model.train(step == 'training')
        record: dict[str, Any] = {'part': 'synchronizations', 'model': name, 'step': step}
        try:
            for _ in range(2):  # the first step initializes libraries
                data = _preprocess(model, batch, training=step == 'training')
                with synchronizations(device) as places:
                    if step == 'training':
                        train_step(model, data, optimizer)
                    else:
                        with torch.no_grad():
                            model(**data, mode='predict')
            record |= {'count': places.total(), 'places': dict(places.most_common())}
        except Exception:
            record['error'] = traceback.format_exc()
        send(record)


@contextlib.contextmanager
def synchronizations(device: str) -> Iterator[Counter[str]]:
    """Count synchronizing operations by the innermost line of this repository that calls them."""
    if device == simulated_device.NAME:
        with simulated_device.simulated_device() as waits:
            yield waits
        return
    places: Counter[str] = Counter()

    def show(message: Any, *args: Any, **kwargs: Any) -> None:
        if SYNCHRONIZING in str(message):
            places[_caller()] += 1

    with warnings.catch_warnings():
        warnings.simplefilter('always')
        warnings.showwarning = show
        if torch.cuda.is_available():
            torch.cuda.set_sync_debug_mode('warn')
        try:
            yield places
        finally:
            if torch.cuda.is_available():
                torch.cuda.set_sync_debug_mode('default')


def _caller() -> str:
    """The innermost line of avis or a project, else of any other package, that is running."""
    stack = [frame for frame in traceback.extract_stack() if frame.filename != __file__]
    own = [
        frame
        for frame in stack
        if Path(frame.filename).is_relative_to(ROOT)
        and '.venv' not in frame.filename
        and 'benchmarks' not in frame.filename
    ]
    frame = (own or stack)[-1]
    path = Path(frame.filename)
    shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else Path(*path.parts[-3:])
    return f'{shown}:{frame.lineno} {frame.line}'
