"""Compare time and memory of TPAVI-R50: low-rank form and official N x N form, in one run.

Both sides are the model of configs/avs/tpavi/tpavi_r50_s4.py with the same random weights. The
official side computes the interaction as in the paper (published_tpavi.py), with mmdet's own
ResNet; ours is the unchanged config. Each side runs in processes of its own, first forward
(evaluation, no gradient), then training steps (forward, loss, backward). Results must agree.

Times are seconds of processor time of one thread, the best of several repetitions, so that other
load of the machine does not count. Memory is the highest resident memory of a process. glibc keeps
freed blocks below 32 MB for later, hundreds of MB here; so memory is measured in a second process
that returns every block above 1 MB immediately (MALLOC_MMAP_THRESHOLD_), which costs time. The peak
of the timed process, with the blocks that glibc keeps, is shown as well.

    python benchmarks/tpavi.py                # 5 frames of 224 x 224, then ours at 512 x 512
    python benchmarks/tpavi.py --size 96 --repetitions 2
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import avis  # noqa: F401 - before mmdet: replaces mmcv's compiled ops

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / 'configs' / 'avs' / 'tpavi' / 'tpavi_r50_s4.py'
FRAMES, LARGE = 5, 512
FORMS = ('published', 'ours')
RETURN_MEMORY = {'MALLOC_MMAP_THRESHOLD_': '1000000'}


def memory(name: str) -> float:
    """``VmRSS`` (now) or ``VmHWM`` (highest since the last reset) of this process in MB."""
    status = Path('/proc/self/status').read_text()
    found = re.search(rf'{name}:\s+(\d+) kB', status)
    assert found is not None
    return int(found[1]) * 1024 / 1e6


def build(form: str) -> Any:
    """Build the model of one side, with weights that do not depend on the side."""
    import torch
    from mmdet.models.backbones import ResNet
    from torch import nn

    from avis.apis import load_config
    from avis.registry import MODELS

    config = load_config(CONFIG).model
    config.backbone.init_cfg = None
    if form == 'published':
        config.backbone.type = ResNet
    torch.manual_seed(0)
    model = MODELS.build(config)
    for index, block in enumerate(model.fusions):
        nn.init.ones_(block.norm.weight)  # initialized with 0, which would make the block a no-op
        if form == 'published':
            from published_tpavi import PublishedTPAVI

            model.fusions[index] = PublishedTPAVI(block)
    return model


def measure(form: str, size: int, repetitions: int) -> dict[str, Any]:
    """Run one side in this process.

    Returns:
        ``loaded`` MB with the model in memory; per kind of run ``forward`` and ``training``:
        ``seconds``, ``peak`` MB, and a ``result`` to compare.
    """
    import torch
    from mmengine.structures import PixelData

    from avis.structures.av_data_sample import AVDataSample

    model = build(form)
    inputs = {
        'frames': torch.randn(1, FRAMES, 3, size, size),
        'audio': torch.rand(1, FRAMES, 128),
    }
    mask = PixelData(sem_seg=(torch.rand(FRAMES, size, size) < 0.3).long())
    samples = [AVDataSample(gt_sem_seg=mask)]

    def forward() -> float:
        with torch.no_grad():
            return float(model.eval()(inputs)['logits'].double().mean())

    def training() -> float:
        model.zero_grad()
        loss = model.train()(inputs, samples, mode='loss')['loss_seg']
        loss.backward()
        return float(model.backbone.layer4[-1].conv3.weight.grad.double().norm())

    measured: dict[str, Any] = {'loaded': memory('VmRSS')}
    for run in (forward, training):
        Path('/proc/self/clear_refs').write_text('5')  # reset the peak memory
        seconds = []
        for _ in range(repetitions):
            start = time.process_time()
            result = run()
            seconds.append(time.process_time() - start)
        measured[run.__name__] = {
            'seconds': min(seconds),
            'peak': memory('VmHWM'),
            'result': result,
        }
    return measured


def measure_in_process(form: str, size: int, repetitions: int, env: dict[str, str]) -> Any:
    """:func:`measure` in a fresh process with one thread."""
    command = [sys.executable, __file__, '--worker', form]
    command += ['--size', str(size), '--repetitions', str(repetitions)]
    environment = {**os.environ, 'OMP_NUM_THREADS': '1', **env}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def compare(timed: dict[str, Any], lean: dict[str, Any]) -> list[str]:
    """Return the lines of the report, from the measurements of both sides by form."""
    lines = []
    for kind in ('forward', 'training'):
        ours, published = (
            {
                's': timed[form][kind]['seconds'],
                'MB peak': lean[form][kind]['peak'],
                'MB above loaded': lean[form][kind]['peak'] - lean[form]['loaded'],
                'MB peak with what glibc keeps': timed[form][kind]['peak'],
            }
            for form in ('ours', 'published')
        )
        results = [timed[form][kind]['result'] for form in FORMS]
        difference = abs(results[0] - results[1]) / abs(results[0])
        lines.append(f'{kind}: results differ by {difference:.1e} of their size')
        for name, value in published.items():
            ratio = value / ours[name] if name == 's' else ours[name] / value
            how = f'{ratio:.2f} times faster' if name == 's' else f'{ratio:.2f} of it'
            lines.append(f'  published {value:8.2f}  ours {ours[name]:8.2f} {name}: {how}')
    return lines


def large(size: int) -> list[str]:
    """Return lines for a size at which the official form does not fit into memory."""
    ours = measure_in_process('ours', size, 1, {})
    positions = FRAMES * (size // 4) ** 2
    matrix = positions**2 * 4 / 1e9
    total = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9
    title = (
        f'{size} x {size}: N = {positions}, one N x N matrix of the finest level is '
        f'{matrix:.1f} GB, the forward pass needs two; this machine has {total:.1f} GB'
    )
    lines = [
        f'  ours {kind} {ours[kind]["seconds"]:.2f} s, {ours[kind]["peak"]:.0f} MB'
        for kind in ('forward', 'training')
    ]
    return [title, *lines]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--size', type=int, default=224, help='height and width')
    parser.add_argument('--repetitions', type=int, default=5)
    parser.add_argument('--worker', choices=FORMS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        print(json.dumps(measure(args.worker, args.size, args.repetitions)))
        return
    sides = {form: (form, args.size, args.repetitions) for form in FORMS}
    timed = {form: measure_in_process(*side, {}) for form, side in sides.items()}
    lean = {form: measure_in_process(*side[:2], 2, RETURN_MEMORY) for form, side in sides.items()}
    print(f'TPAVI-R50, {FRAMES} frames of {args.size} x {args.size}, one thread')
    print('\n'.join(compare(timed, lean)))
    print('\n'.join(large(LARGE)))


if __name__ == '__main__':
    main()
