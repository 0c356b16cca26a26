"""The table of all models on the page of the model zoo, from the metafiles.

``python -m tests.helpers.model_zoo [NAME ...]`` counts parameters and operations of the named
models, or of all, and stores them in docs/model_costs.json; with ``--measure`` it also predicts a
clip with each that takes less than about 20 seconds, in a process of its own.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / 'docs' / 'model_zoo.md'
COSTS = ROOT / 'docs' / 'model_costs.json'
FRAMES = 5
MEASURED_GFLOPS = 1000  # models with more are not measured
MARK = '<!-- table of models -->\n'
_BACKBONES = {
    'r50': 'ResNet-50',
    'r101': 'ResNet-101',
    'swinb': 'Swin-B',
    'swinl': 'Swin-L',
    'pvtv2b5': 'PVTv2-B5',
}
_COLUMNS = (
    *('method', 'config', 'backbone', 'data', 'published', 're-measured', 'verified'),
    *('parameters', 'clip', 'GFLOPs', 'seconds', 'memory'),
)


def model_entries() -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Yield collection and model of every entry, those of avis first."""
    for folder in ('configs', 'projects'):
        for path in sorted((ROOT / folder).rglob('metafile.yml')):
            content = yaml.safe_load(path.read_text())
            collections = {entry['Name']: entry for entry in content['Collections']}
            for model in content['Models']:
                yield collections[model['In Collection']], model


def markdown_table() -> str:
    """Return one row per model and result; models without published results are left out.

    Columns without any value are left out, too.
    """
    costs = json.loads(COSTS.read_text())
    rows = []
    for collection, model in model_entries():
        metadata = collection.get('Metadata', {}) | model.get('Metadata', {})
        cost = costs.get(model['Name'], {})
        parts = model['Name'].split('_')
        backbone = next((name for key, name in _BACKBONES.items() if key in parts), '')
        for result in model.get('Results', ()):
            cells = (
                collection['Name'],
                f'`{model["Name"]}`',
                backbone,
                result['Dataset'],
                _scores(result['Metrics']),
                _scores(result.get('Measured', {})) or 'no',
                metadata.get('Verified', 'runs'),
                f'{cost["parameters"] / 1e6:.1f} M' if cost else '',
                cost.get('clip', ''),
                f'{cost["gflops"]:,.0f}' if 'gflops' in cost else '',
                f'{cost["seconds"]:.1f}' if 'seconds' in cost else '',
                f'{cost["memory"] / 1000:.1f} GB' if 'memory' in cost else '',
            )
            rows.append(cells)
    shown = [number for number in range(len(_COLUMNS)) if any(row[number] for row in rows)]
    lines = [_COLUMNS, ('---',) * len(_COLUMNS), *rows]
    return ''.join(f'| {" | ".join(line[number] for number in shown)} |\n' for line in lines)


def _scores(metrics: Mapping[str, float]) -> str:
    return ', '.join(f'{name} {value:g}' for name, value in metrics.items())


def insert_table(page: str) -> str:
    """Return the text of the page with the table in place of its mark."""
    before, after = page.split(MARK)
    return f'{before}{markdown_table()}{after}'


def published_configs(*names: str) -> dict[str, Any]:
    """The configs of segmentors with published results by name; all without names."""
    from mmengine.registry import init_default_scope

    from avis.apis import load_config

    sys.path[:0] = [str(path) for path in (ROOT / 'projects').iterdir()]
    init_default_scope('avis')
    entries = [
        model
        for _, model in model_entries()
        if model.get('Results') and (not names or model['Name'] in names)
    ]
    configs = {model['Name']: load_config(ROOT / model['Config']) for model in entries}
    return {name: cfg for name, cfg in configs.items() if 'backbone' in cfg.model}


def clip_size(cfg: Any) -> tuple[int, int]:
    """Height and width of the frames in testing; 16 : 9 where the aspect ratio is kept."""
    steps = cfg.test_dataloader.dataset.pipeline.values()
    parts = [step for step in steps if step] + [step.get('resize') for step in steps if step]
    for step in filter(None, parts):
        size = step.get('size', step.get('frames'))  # of ResizeClip, of ResizeFramesAndLabels
        if size is not None:
            return tuple(size)
        if step.get('short_side') is not None:
            return step['short_side'], step['short_side'] * 16 // 9
    return 224, 224  # the size of the files of AVSBench


def count_costs(*names: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield parameters and operations of a clip by name, without weights or memory."""
    counted: dict[str, dict[str, Any]] = {}
    for name, cfg in published_configs(*names).items():
        size = clip_size(cfg)
        # Several configs have the same model.
        key = str(({**cfg.model, 'reported_classes': None}, size))
        if key not in counted:
            counted[key] = _count(cfg, size)
        yield name, counted[key]


def _count(cfg: Any, size: tuple[int, int]) -> dict[str, Any]:
    """Costs of a clip of frames of a size."""
    import torch

    from avis.apis.model_complexity import make_inputs
    from avis.engine.model_parts import count_flops
    from tests.helpers.small_configs import build_without_memory

    model = build_without_memory(cfg.model).requires_grad_(False)
    with ExitStack() as stack:
        # Tensors without memory have no values, no kernels, and no mixed precision.
        for context in (
            patch('torch.isfinite', return_value=torch.ones((), dtype=torch.bool)),
            patch('torch.equal', return_value=True),  # k-means ends after one iteration
            patch('torch.Tensor.cpu', lambda tensor: torch.zeros_like(tensor, device='cpu')),
            patch('torch.Tensor.__bool__', lambda _: True),
            patch('torch.fx.experimental._config.meta_nonzero_assume_all_nonzero', True),
            patch('avis.ops.deformable_attention.choose_kernel', return_value=None),
            patch('torch.autocast', lambda *_, **__: nullcontext()),
            torch.device('meta'),
        ):
            stack.enter_context(context)
        try:
            flops = count_flops(model, make_inputs(model, size, FRAMES))['all']
        except (RuntimeError, ValueError) as error:  # depends on values, or needs other inputs
            sys.stderr.write(f'{cfg.filename}: operations not counted: {error}\n')
            flops = 0
    costs = {
        'parameters': sum(weight.numel() for weight in model.parameters()),
        'clip': f'{FRAMES} x {size[0]} x {size[1]}',
    }
    return {**costs, 'gflops': round(flops / 1e9, 1)} if flops else costs


def predict_once(name: str) -> dict[str, float]:
    """CPU seconds and peak memory in MB of one prediction of a clip, with random weights."""
    import torch

    from avis.apis.checkpoint import init_model
    from avis.apis.model_complexity import make_inputs
    from avis.apis.speed_benchmark import peak_memory

    torch.set_num_threads(1)
    cfg = published_configs(name)[name]
    model: Any = init_model(cfg)
    inputs = make_inputs(model, clip_size(cfg), FRAMES)
    start = time.process_time()
    with torch.no_grad():
        model(inputs, mode='tensor')
    return {'seconds': round(time.process_time() - start, 2), 'memory': round(peak_memory())}


def main() -> None:
    """Count, measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('names', nargs='*', metavar='NAME', help='default: all')
    parser.add_argument('--measure', action='store_true', help='predict a clip, too')
    parser.add_argument('--predict', metavar='NAME', help=argparse.SUPPRESS)  # the own process
    args = parser.parse_args()
    if args.predict:
        sys.stdout.write(json.dumps(predict_once(args.predict)))
        return
    costs = json.loads(COSTS.read_text())
    for name, cost in count_costs(*args.names):
        costs[name] = costs.get(name, {}) | cost
        if args.measure and cost.get('gflops', MEASURED_GFLOPS) < MEASURED_GFLOPS:
            command = [sys.executable, '-m', 'tests.helpers.model_zoo', '--predict', name]
            measured = json.loads(subprocess.check_output(command, cwd=ROOT, text=True))
            for other in costs.values():
                if cost.items() <= other.items():  # of the same size
                    other.update(measured)
        COSTS.write_text(json.dumps(costs, indent=1) + '\n')


if __name__ == '__main__':
    main()
