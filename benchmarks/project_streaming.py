"""Stream 200 and 2,000 frames through the small models of the projects and compare the memory.

The models are those of the demo configs with random weights, the frames are noise of 64 x 64 pixels
in windows of 60, with a second of noise per frame as audio. Each length runs in a fresh process,
whose peak resident memory is printed; see streaming_memory.py.

    python benchmarks/project_streaming.py                      # minutes per method on one core
    python benchmarks/project_streaming.py --methods vita_r50 --frames 60 300
"""

import argparse
import os
import resource
import subprocess
import sys
from typing import Any

from gpu_models import ENTRIES, ROOT, config_path
from streaming_memory import MALLOC_SETTINGS

METHODS = tuple(
    name
    for name, entry in ENTRIES.items()
    if entry.config.startswith('projects/') and entry.kind == 'instances'
)
SIZE, WINDOW = (64, 64), 60


def stream(method: str, frames: int) -> tuple[int, float]:
    """Predict a video of noise in this process; returns its tracks and the peak memory in MB."""
    import torch
    from mmengine.registry import init_default_scope

    from avis.apis import load_config
    from avis.models.trackers.base import TrackerWindow
    from avis.registry import MODELS
    from tests.helpers.random_clips import RATE

    torch.set_num_threads(1)
    init_default_scope('avis')
    torch.manual_seed(0)
    model: Any = MODELS.build(load_config(config_path(ENTRIES[method], small=True)).model).eval()
    state = model.start_video()
    for start in range(0, frames, WINDOW):
        rng, count = torch.Generator().manual_seed(start), min(WINDOW, frames - start)
        inputs = {'frames': torch.randn(1, count, 3, *SIZE, generator=rng)}
        if model.audio_encoder is not None:
            inputs['audio'] = torch.randn(1, count * RATE, generator=rng) / 10
        model.predict_window(state, inputs, TrackerWindow(start, SIZE, SIZE, SIZE))
    tracks = model.finish_video(state)
    return len(tracks), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--methods', nargs='+', choices=METHODS, default=METHODS)
    parser.add_argument('--frames', nargs='+', type=int, default=[200, 2000])
    parser.add_argument('--worker', action='store_true', help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        (method,), (frames,) = args.methods, args.frames
        tracks, peak = stream(method, frames)
        print(f'{method}: {frames} frames, {tracks} tracks, peak {peak:.0f} MB')
        return
    environment = {**os.environ, **MALLOC_SETTINGS, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
    for method in args.methods:
        for frames in args.frames:
            chosen = ['--methods', method, '--frames', str(frames)]
            command = [sys.executable, __file__, '--worker', *chosen]
            subprocess.run(command, env=environment, check=True)


if __name__ == '__main__':
    main()
