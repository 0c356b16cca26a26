"""Configs of published rows train the published recipe; what deviates is declared."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from mmdet.models.backbones import ResNet
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

from avis.apis import load_config
from avis.apis.config_files import list_configs
from avis.apis.recipe import extract_recipe
from avis.apis.recipe_run import learning_rates
from avis.registry import MODELS
from tests.helpers.initialization import problems
from tests.helpers.recipe_tables import (
    differences,
    load_table,
    load_tables,
    matches_name,
    with_table,
)

ROOT = Path(__file__).resolve().parents[1]
TABLES = load_tables()
PATHS = {path.stem: path for path in (*list_configs(), *(ROOT / 'projects').glob('*/configs/*.py'))}
CONFIGS = [(table, name) for table in TABLES for name in TABLES[table]['configs']]
# Deviations of rows and of behavior: table, entry.
DEVIATIONS = [
    (table, entry)
    for table in TABLES
    for entry in (
        *(
            {'name': row.row, 'configs': row.configs, **row.deviation}
            for row in TABLES[table]['rows']
            if row.deviation
        ),
        *(entry for entry in TABLES[table].get('behavior', ()) if 'here' in entry),
    )
]


@pytest.mark.parametrize(('table', 'name'), CONFIGS, ids=[name for _, name in CONFIGS])
def test_recipe_is_the_published_one(table: str, name: str) -> None:
    recipe = extract_recipe(load_config(PATHS[name]))
    assert list(differences(TABLES[table], name, recipe)) == []


def docstring_of(name: str) -> str:
    """The docstring of a config in one line."""
    return ' '.join((ast.get_docstring(ast.parse(PATHS[name].read_text())) or '').split())


def deviations_of(name: str) -> str:
    """What the docstring of a config says about deviations."""
    return docstring_of(name).partition('Deviates from the authors: ')[2]


@pytest.mark.parametrize(
    ('table', 'entry'), DEVIATIONS, ids=[f'{table}-{entry["name"]}' for table, entry in DEVIATIONS]
)
def test_deviation_is_named_in_the_docstring(table: str, entry: dict[str, Any]) -> None:
    patterns = entry.get('configs', '*')
    names = [name for name in TABLES[table]['configs'] if matches_name(patterns, name)]
    assert names, f'{entry["name"]}: no config is named by {patterns!r}'
    assert all(entry[key] for key in ('reason', 'effect'))
    for name in names:
        assert entry['named'] in deviations_of(name), f'{name}: {entry["name"]}'


@pytest.mark.parametrize(
    ('name', 'key', 'value', 'rows'),
    [
        ('tpavi_r50_s4', 'optim_wrapper.optimizer.lr', 2e-4, 3),
        ('tpavi_r50_s4', 'train_dataloader.batch_size', 8, 1),
        ('tpavi_r50_s4', 'train_cfg.val_interval', 2, 1),
        ('tpavi_r50_s4', 'model.backbone.norm_eval', True, 1),
        ('tpavi_r50_s4', 'model.backbone.frozen_stages', 1, 4),
        ('tpavi_r50_avss', 'train_dataloader.dataset.pipeline.resize.short_side', 256, 1),
        ('avism_r50_in_aviseg', 'optim_wrapper.paramwise_cfg.norm_decay_mult', 1.0, 1),
        ('avism_r50_in_aviseg', 'train_dataloader.dataset.pipeline.random_flip.prob', 0.0, 1),
        ('avism_r50_in_avtrack', 'model.tracker.score_threshold', 0.5, 1),
        ('avtracker', 'model.protocol', 'corrected', 1),
    ],
)
def test_changed_setting_is_seen(name: str, key: str, value: object, rows: int) -> None:
    table = next(table for table in TABLES.values() if name in table['configs'])
    recipe = extract_recipe(load_config(PATHS[name], {key: value}))
    assert len(list(differences(table, name, recipe))) == rows


def test_deviation_that_is_declared_in_part_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / 'mine.yml'
    path.write_text('rows: {data: {clips: {published: 4, source: paper, here: 8, why: so}}}')
    with pytest.raises(ValueError, match='data, clips') as error:
        load_table(path)
    assert "unknown keys ['why']" in str(error.value)
    assert "missing keys ['effect', 'named', 'reason']" in str(error.value)


@pytest.mark.parametrize('table', TABLES)
def test_docstring_tells_whether_the_config_deviates(table: str) -> None:
    for name in TABLES[table]['configs']:
        deviates = any(
            matches_name(entry.get('configs', '*'), name)
            for other, entry in DEVIATIONS
            if other == table
        )
        none = deviations_of(name).startswith(('nothing', 'unknown')) or not deviations_of(name)
        assert deviates != none, name


@pytest.mark.parametrize('table', TABLES)
def test_every_config_with_published_scores_has_a_recipe(table: str) -> None:
    metafile = (ROOT / TABLES[table]['readme']).with_name('metafile.yml')
    models = yaml.safe_load(metafile.read_text())['Models']
    published = {Path(model['Config']).stem for model in models if model.get('Results')}
    assert published == set(TABLES[table]['configs'])


@pytest.mark.parametrize('table', TABLES)
def test_behavior_is_checked_by_a_test(table: str) -> None:
    for entry in TABLES[table].get('behavior', ()):
        path, name = entry['test'].split('::')
        assert name in re.findall(r'^def (test_\w+)\(', (ROOT / path).read_text(), re.MULTILINE)
        assert entry['published']
        assert entry['source']


@pytest.mark.parametrize('table', TABLES)
def test_table_of_the_readme_is_current(table: str) -> None:
    readme = (ROOT / TABLES[table]['readme']).read_text()
    assert readme == with_table(readme, TABLES[table]), 'run python -m tests.helpers.recipe_tables'


def steps(length: int, count: int = 20) -> list[int]:
    """Iterations or epochs spread over a run, the first and the last included."""
    return sorted({round(part * (length - 1) / (count - 1)) for part in range(count)})


RATES: dict[str, list[float]] = {}  # by schedule, of which many configs have the same


def rates_of(config: Config, lr: float) -> list[float]:
    """The learning rates of a config, computed once for each schedule."""
    key = str((config.train_cfg, config.get('param_scheduler'), lr))
    if key not in RATES:
        RATES[key] = learning_rates(config, lr)
    return RATES[key]


@pytest.mark.parametrize(('table', 'name'), CONFIGS, ids=[name for _, name in CONFIGS])
def test_learning_rate_follows_the_published_schedule(table: str, name: str) -> None:
    config = load_config(PATHS[name])
    if config.get('optim_wrapper') is None:
        return
    rows = [r for r in TABLES[table]['rows'] if r.section == 'optimization' and r.describes(name)]
    published = {row.row: row.published for row in rows}
    changes = published['learning rate from']
    assert int(published['length'].split()[0]) in (
        config.train_cfg.get('max_iters'),
        config.train_cfg.get('max_epochs'),
    )
    for group in published['parameter groups']:
        rates = rates_of(config, group['lr'])
        # An exponential schedule is published at a few of its steps.
        exponential = 'ExponentialLR' in str(published['schedule'])
        for step in changes if exponential else steps(len(rates)):
            start = max(first for first in changes if first <= step)
            factor = changes[start] / changes[0]
            assert rates[step] == pytest.approx(
                group['lr'] * factor, rel=1e-5 if exponential else 1e-9
            )


def initialized_model(config: Config) -> nn.Module:
    """The model of a config before training; a small backbone replaces one that is read."""
    config.model.backbone = {'type': ResNet, 'depth': 18, 'base_channels': 8, 'stem_channels': 8}
    init_default_scope('avis')
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    model.init_weights()
    return model


@pytest.mark.parametrize('table', TABLES)
def test_new_layers_start_from_the_published_distributions(table: str) -> None:
    entries = TABLES[table].get('initialization', ())
    used, seen, found = set(), [], []
    for name in TABLES[table]['configs'] if entries else ():
        config = load_config(PATHS[name])
        layers = {key: part for key, part in config.model.items() if not key.startswith('loss')}
        layers.pop('backbone')
        if config.get('optim_wrapper') is None or layers in seen:
            continue
        seen.append(layers)
        model = initialized_model(config)
        mine = [entry for entry in entries if matches_name(entry.get('configs', '*'), name)]
        for weight, _ in model.named_parameters():
            if not weight.startswith('backbone.'):
                entry = next(e for e in mine if re.fullmatch(e['parameters'], weight))
                used.add(entry['name'])
                found += [f'{name}: {text}' for text in problems(model, weight, entry['published'])]
    assert found == []
    assert used == {entry['name'] for entry in entries}
