"""Run combinations of components and write docs/compatibility.md from the results.

``python -m tests.helpers.combination_runs`` runs all of them, a few minutes on one core.
"""

import sys
import tempfile
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate

from avis.apis import init_model, load_config
from avis.registry import DATASETS, METRICS
from tests.helpers.combinations import (
    FACTORS,
    NONE,
    Combination,
    Pair,
    covering_combinations,
    impossible_combinations,
    make_data,
    working_combinations,
    write_config,
)

PAGE = Path(__file__).parents[2] / 'docs' / 'compatibility.md'
_HEAD = """# Compatibility

Written by `python -m tests.helpers.combination_runs`. Backbones, audio encoders, fusion blocks,
heads, trackers and data layouts are combined so that each pair of components that can work together
is in a combination. Each combination is built from a config, trained for a step, predicts a video
and is scored, on small synthetic data. A model is trained on a layout that has its labels, and
scored on any: `ConvertedMetric` converts predictions of the other kind.
"""


def run_combination(combination: Combination, data: Path, folder: Path) -> dict[str, float]:
    """Build a combination, train a step, predict a video, and return its scores.

    Args:
        combination: One that works.
        data: Of :func:`~tests.helpers.combinations.make_data`.
        folder: For the config.
    """
    cfg = load_config(write_config(combination, data, folder / 'combination.py'))
    torch.manual_seed(0)
    model = init_model(cfg).train()
    clip = DATASETS.build(cfg.train_dataloader.dataset)[0]
    losses = model(**model.data_preprocessor(pseudo_collate([clip]), training=True), mode='loss')
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    trained = [p for p in model.parameters() if p.grad is not None]
    assert all(torch.isfinite(p.grad).all() for p in trained)
    assert sum(float(p.grad.abs().sum()) for p in trained) > 0
    torch.optim.SGD(trained, lr=1e-4).step()
    return _score(model.eval(), cfg)


def _score(model: torch.nn.Module, cfg: Config) -> dict[str, float]:
    """Predict the first video of the test data, and return its scores."""
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    metric = METRICS.build(cfg.test_evaluator)
    metric.dataset_meta = dataset.metainfo
    with torch.no_grad():
        samples = model.test_step(pseudo_collate([dataset[0]]))
    metric.process(None, [sample.to_dict() for sample in samples])
    scores: dict[str, float] = metric.evaluate(1)
    return scores


def refusals(data: Path, folder: Path) -> dict[str, list[Pair]]:
    """Return the sentences with which impossible pairs are refused, each with its pairs."""
    found: dict[str, list[Pair]] = {}
    path = folder / 'impossible.py'
    for pair, combination in impossible_combinations().items():
        with pytest.raises(ValueError, match=r'.+') as refused:
            load_config(write_config(combination, data, path))
        found.setdefault(str(refused.value).removeprefix(f'{path}: '), []).append(pair)
    return found


def page(sentences: dict[str, list[Pair]]) -> str:
    """Return the text of docs/compatibility.md."""
    chosen, number = covering_combinations(), sum(map(len, sentences.values()))
    lines = [_HEAD, f'## {len(chosen)} combinations that were run', '']
    working = len(working_combinations())
    lines.append(f'They contain each pair that any of the {working} working ones contains.')
    lines += ['', f'| {" | ".join(FACTORS)} |', '|---' * len(FACTORS) + '|']
    lines += [f'| {" | ".join(combination)} |' for combination in chosen]
    lines += ['', f'## {number} pairs that cannot work', '']
    lines += [
        'Their configs are refused when they are loaded:',
        '',
        '| pairs | error |',
        '|---|---|',
    ]
    for sentence, pairs in sentences.items():
        names = ', '.join(f'{_name(*one)} with {_name(*other)}' for one, other in pairs)
        lines.append(f'| {names} | {sentence} |')
    return '\n'.join(lines) + '\n'


def _name(kind: str, component: str) -> str:
    return f'no {kind}' if component == NONE else component


def main() -> None:
    """Run all combinations, then write the page."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = make_data(folder / 'data')
        for combination in covering_combinations():
            scores = run_combination(combination, data, folder)
            sys.stdout.write(f'{" ".join(combination)} {scores}\n')
        PAGE.write_text(page(refusals(data, folder)))


if __name__ == '__main__':
    main()
