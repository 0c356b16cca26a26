"""Speed and memory of gpu.py: variants of a model, and the published way to compute it."""

import functools
import statistics
import time
import traceback
from collections.abc import Callable
from typing import Any

import torch
from gpu_checks import SMALL_SIZE
from gpu_models import TRAINING_FRAMES, Entry, build_model, make_optimizer, train_step

from tests.helpers.random_clips import make_batch

VARIANTS = ('eager', 'published', 'bf16', 'channels_last', 'tf32')
PUBLISHED = ('tpavi_r50', 'avism_r50')
STEPS = ('inference', 'training')
# The frames of a predicted clip.
LENGTHS = {'semantic': 5, 'instances': 36, 'speaker': 250}
COMPILED_PARTS = ('backbone', 'neck', 'fusions', 'decode_head', 'frame_head', 'network')
WARMUP, MAX_REPETITIONS = 1, 20
Send = Callable[[dict[str, Any]], None]


def measure_variants(
    name: str,
    entry: Entry,
    device: str,
    small: bool,
    send: Send,
    *,
    variants: tuple[str, ...] = VARIANTS,
    seconds: float = 0.6,
) -> None:
    """Send a record per variant and step.

    Args:
        name: Of the model.
        entry: The model.
        device: Where to run it.
        small: The small config, with tiny clips.
        send: Called with each record.
        variants: Of ``VARIANTS``, or ``'compiled'``.
        seconds: Repeat each step for so long.
    """
    for variant in variants:
        if variant == 'published' and (small or name not in PUBLISHED):
            continue
        for step in STEPS:
            record: dict[str, Any] = {
                'part': 'speed',
                'model': name,
                'variant': variant,
                'step': step,
            }
            try:
                record |= _measure(name, entry, variant, step, device, small, seconds)
            except Exception:
                record['error'] = traceback.format_exc()
            send(record)


def _measure(
    name: str, entry: Entry, variant: str, step: str, device: str, small: bool, seconds: float
) -> dict[str, Any]:
    model = build_model(entry, small=small)
    training = step == 'training'
    frames = 2 if small else TRAINING_FRAMES if training else LENGTHS[entry.kind]
    if entry.kind == 'speaker':
        frames *= 10 if training else 1
    clips = 1 if small or not (training or entry.kind == 'semantic') else entry.clips
    size = SMALL_SIZE if small else entry.size
    batch = make_batch(model, clips=clips, frames=frames, size=size)
    model = model.to(device).train(training)
    data = model.data_preprocessor(batch, training)
    if variant == 'channels_last':
        model.to(memory_format=torch.channels_last)
    if variant == 'compiled':
        compile_parts(model)
    run = _published(name, model, step) if variant == 'published' else _ours(model, training)
    # Float32 without TF32, unless the variant says so.
    allowed = variant == 'tf32'
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed
    with torch.autocast(device, torch.bfloat16, enabled=variant == 'bf16'):
        timed = time_step(functools.partial(run, data), device, seconds)
    return {'frames': clips * frames, **timed}


def compile_parts(model: Any) -> None:
    """Compile the parts that are networks, in place; trackers and losses stay."""
    for name in COMPILED_PARTS:
        part = getattr(model, name, None)
        for module in part if isinstance(part, torch.nn.ModuleList) else [part]:
            if module is not None:
                module.compile()


def _ours(model: Any, training: bool) -> Callable[[Any], Any]:
    if training:
        optimizer = make_optimizer(model)
        return lambda data: train_step(model, data, optimizer)

    @torch.no_grad()
    def predict(data: Any) -> Any:
        samples = [sample.clone() for sample in data['data_samples']]
        return model(data['inputs'], samples, mode='predict')

    return predict


def _published(name: str, model: Any, step: str) -> Callable[[Any], Any]:
    """The official computation with the weights of a model."""
    training = step == 'training'
    if name == 'tpavi_r50':
        from published_tpavi import PublishedTPAVI

        for index, block in enumerate(model.fusions):
            model.fusions[index] = PublishedTPAVI(block)
        return _ours(model, training)
    from published_avism import PublishedAVISM

    from avis.models.trackers.base import TrackerWindow

    device = next(model.parameters()).device
    published = PublishedAVISM(model).to(device).train(training)
    optimizer = make_optimizer(published)

    def train(data: Any) -> None:
        clips = zip(
            data['inputs']['frames'], data['inputs']['audio'], data['data_samples'], strict=True
        )
        losses = [sum(published.loss(*clip).values()) for clip in clips]
        optimizer.zero_grad()
        sum(losses).backward()
        optimizer.step()

    @torch.no_grad()
    def predict(data: Any) -> Any:
        inputs, (sample,) = data['inputs'], data['data_samples']
        window = TrackerWindow.from_sample(sample)
        return published.predict(inputs['frames'][0], inputs['audio'][0], window)

    return train if training else predict


def time_step(run: Callable[[], Any], device: str, seconds: float) -> dict[str, Any]:
    """Repeat a step and return its median ``seconds`` and, on a GPU, the peak ``memory`` in MB.

    ``first`` is the time of the first call, which compiles and chooses algorithms.
    """
    on_gpu = device == 'cuda'
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    first = _seconds(run, on_gpu)
    times = [_seconds(run, on_gpu) for _ in range(1 + WARMUP)][WARMUP:]
    while sum(times) < seconds and len(times) < MAX_REPETITIONS:
        times.append(_seconds(run, on_gpu))
    memory = torch.cuda.max_memory_allocated() / 2**20 if on_gpu else None
    return {
        'seconds': statistics.median(times),
        'first': first,
        'repetitions': len(times),
        'memory': memory,
    }


def _seconds(run: Callable[[], Any], on_gpu: bool) -> float:
    if on_gpu:
        torch.cuda.synchronize()
    start = time.perf_counter()
    run()
    if on_gpu:
        torch.cuda.synchronize()
    return time.perf_counter() - start
