import re
import runpy
import sys
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.optim import CosineAnnealingLR, LinearLR
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

from avis.apis import load_config
from avis.apis.recipe import compare_recipes, extract_recipe
from avis.apis.recipe_format import format_recipes, format_value, latex_cell
from avis.apis.recipe_run import learning_rate, learning_rates, validations
from tests.helpers.runs import ROOT

TOOL = ROOT / 'tools' / 'analysis_tools' / 'compare_recipe.py'
DEMO = 'demo_avism_synthetic'


def recipe_of(name: str | Path, **options: object) -> dict:
    keys = {key.replace('__', '.'): value for key, value in options.items()}
    return extract_recipe(load_config(name, keys))


def test_defaults_and_overrides_are_resolved() -> None:
    recipe = recipe_of(
        DEMO,
        optim_wrapper__accumulative_counts=3,
        optim_wrapper__optimizer__weight_decay=0.2,
        model__tracker__score_threshold=0.7,
        test_cfg__size=20,
    )
    assert recipe['data']['clips per process'] == 12
    assert recipe['optimization']['optimizer']['betas'] == [0.9, 0.999]
    assert [g['weight_decay'] for g in recipe['optimization']['parameter groups']] == [0.2]
    tracker = recipe['model']['tracker']
    assert (tracker['score_threshold'], tracker['max_candidates']) == (0.7, 100)
    assert recipe['evaluation']['test loop'] == {'type': 'VideoTestLoop', 'size': 20, 'overlap': 0}


def test_names_of_classes_are_resolved() -> None:
    names = {
        'model__decode_head__type': 'RefineFPNHead',
        'optim_wrapper__type': 'OptimWrapper',
        'optim_wrapper__optimizer__type': 'Adam',
        'train_dataloader__sampler__type': 'DefaultSampler',
        'train_dataloader__dataset__pipeline__resize__type': 'ResizeClip',
        'train_cfg__type': 'EpochBasedTrainLoop',
        'test_evaluator__type': 'AVSMetric',
    }
    assert recipe_of('tpavi_r50_s4', **names) == recipe_of('tpavi_r50_s4')


def test_published_batch_is_the_effective_one() -> None:
    recipe = recipe_of('tpavi_r50_s4', train_dataloader__batch_size=1)
    assert (recipe['data']['effective batch'], recipe['data']['clips per process']) == (4, 1)


def test_frozen_parts_and_batch_norms_are_those_of_the_built_model() -> None:
    options = {'model__backbone__frozen_stages': 1, 'model__backbone__norm_eval': True}
    model = recipe_of('tpavi_r50_s4', **options)['model']
    assert model['frozen'] == ['audio_encoder', 'backbone.conv1', 'backbone.layer1']
    backbone = 'fixed statistics, fixed weights or fixed statistics, trained weights'
    assert model['batch norm']['backbone'] == backbone
    trained = recipe_of('tpavi_r50_s4')['model']['trained parameters']
    assert model['trained parameters'] == trained - 225_344  # stem and first stage of ResNet-50


def test_a_config_for_testing_has_no_recipe_of_training() -> None:
    recipe = recipe_of('avism_r50_in_avtrack')
    assert set(recipe) == {'model', 'evaluation'}
    assert recipe['evaluation']['test set'] == 'AVTrack test'


def test_a_config_without_training_builds_nothing() -> None:
    recipe = recipe_of('avtracker')
    assert recipe['model']['speech.recognizer']['model'] == 'openai/whisper-large-v3-turbo'


def schedule(*schedulers: dict, **train_cfg: object) -> Config:
    return Config(
        {
            'train_cfg': train_cfg,
            'param_scheduler': list(schedulers),
            'optim_wrapper': {'optimizer': {'lr': 1.0}},
        }
    )


def test_warm_up_then_decay_per_iteration() -> None:
    warm_up = {'type': LinearLR, 'start_factor': 0.5, 'by_epoch': False, 'begin': 0, 'end': 4}
    decay = {'type': CosineAnnealingLR, 'by_epoch': False, 'begin': 4, 'end': 8, 'T_max': 4}
    rates = learning_rates(schedule(warm_up, decay, max_iters=8), 2.0)
    # Linear from 1 to 2 in 3 steps; then 2 cos^2(pi t / 8).
    expected = [1, 4 / 3, 5 / 3, 2, 2, 1.7071068, 1, 0.2928932]
    assert rates == pytest.approx(expected, rel=1e-6)


def test_learning_rate_per_epoch_and_its_changes() -> None:
    decay = {'type': LinearLR, 'start_factor': 0.1, 'by_epoch': True, 'begin': 2, 'end': 3}
    config = schedule(decay, max_epochs=4)
    assert len(learning_rates(config, 1.0)) == 4
    assert learning_rate(schedule(max_epochs=3)) == {0: 1.0}
    warm_up = {'type': LinearLR, 'start_factor': 0.01, 'by_epoch': False, 'begin': 0, 'end': 99}
    assert list(learning_rate(schedule(warm_up, max_iters=101))) == [0, 25, 50, 75, 100]
    assert learning_rate(schedule(warm_up, max_epochs=3)) is None  # depends on the data


def test_validations_are_those_of_the_loop() -> None:
    epochs = {'type': EpochBasedTrainLoop, 'max_epochs': 9, 'val_begin': 4, 'val_interval': 2}
    assert validations(Config({'train_cfg': epochs})) == [4, 6, 8, 9]
    iterations = {'type': IterBasedTrainLoop, 'max_iters': 10, 'val_interval': 5}
    assert validations(Config({'train_cfg': iterations})) == [5, 10]
    assert validations(Config({'train_cfg': {'by_epoch': True, 'max_epochs': 2}})) == [1, 2]


@pytest.mark.parametrize(
    ('value', 'text'),
    [
        (True, 'yes'),
        (None, 'none'),
        (48000, '48,000'),
        (1333, '1333'),
        (1e-4, '1e-4'),
        (0.05, '0.05'),
        (2.5e-5, '2.5e-5'),
        (0.0, '0'),
        ([288, 320], '288, 320'),
        ({'type': 'RandomFlip', 'prob': 0.5}, 'RandomFlip (prob 0.5)'),
        ({'type': 'VGGish'}, 'VGGish'),
        ({'size': [224, 224], 'num_frames': 5}, 'size 224, 224; num frames 5'),
        ({0: 1e-4, 32000: 1e-5}, '0: 1e-4, 32,000: 1e-5'),
        ([{'lr': 1.0, 'parameters': 9}, {'lr': 0.1}], '(lr 1, parameters 9), (lr 0.1)'),
    ],
)
def test_values_are_written_for_readers(value: object, text: str) -> None:
    assert format_value(value) == text


RECIPES = [
    {'data': {'clips': 4, 'file': 'a_b|c.pth'}, 'losses': {'loss_seg': 'x'}},
    {'data': {'clips': 4, 'file': 'd & 50 %'}, 'model': {'tracker.head': 1}},
]


def test_markdown_table() -> None:
    assert format_recipes(['one', 'two'], RECIPES, style='markdown').splitlines() == [
        '|  | one | two |',
        '| --- | --- | --- |',
        '| **data** |  |  |',
        '| clips | 4 | 4 |',
        r'| file | a\_b\|c.pth | d & 50 % |',
        '| **losses** |  |  |',
        '| loss seg | x | - |',
        '| **model** |  |  |',
        '| tracker: head | - | 1 |',
    ]


def test_only_differences() -> None:
    text = format_recipes(['one', 'two'], RECIPES, style='plain', only_differences=True)
    assert 'clips' not in text
    assert re.search(r'^ *file +a_b\|c\.pth +d & 50 %$', text, re.MULTILINE)


def test_latex_table_escapes_and_fills_the_line() -> None:
    names = [f'config_{number}' for number in range(6)]
    text = format_recipes(names, RECIPES * 3, style='latex')
    assert r'd \& 50 \%' in text
    assert r'a\_\allowbreak{}b|c.pth' in text
    assert text.count('{') == text.count('}')
    shares = [float(share) for share in re.findall(r'dimexpr ([\d.]+)\\linewidth', text)]
    assert len(shares) == 7
    assert sum(shares) == pytest.approx(1, abs=0.005)
    body = text.split('\\endhead\n')[1].split('\\bottomrule')[0]
    rows = [line for line in body.splitlines() if 'multicolumn' not in line]
    assert {len(re.findall(r'(?<!\\)&', row)) for row in rows} == {6}
    assert all(line.endswith(r'\\') for line in body.splitlines())


def test_latex_cell() -> None:
    assert latex_cell('a_b {c} #1 $x$ ~^ \\ <') == (
        r'a\_\allowbreak{}b \{c\} \#1 \$x\$ \textasciitilde{}\textasciicircum{} '
        r'\textbackslash{} \textless{}'
    )


def test_configs_with_one_name_are_told_apart(tmp_path: Path) -> None:
    paths = [tmp_path / folder / 'mine.py' for folder in ('first', 'second')]
    for path in paths:
        path.parent.mkdir()
        path.write_text(
            'from mmengine.config import read_base\n\n'
            'with read_base():\n'
            '    from avis.configs.avis.avtracker.avtracker import *\n'
        )
    header = compare_recipes([*paths, 'avtracker'], style='markdown').splitlines()[0]
    assert header == f'|  | {paths[0]} | {paths[1]} | avtracker |'.replace('_', r'\_')


def run_tool(monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    monkeypatch.setattr(sys, 'argv', [str(TOOL), *map(str, words)])
    runpy.run_path(str(TOOL), run_name='__main__')


def test_tool_writes_a_file_or_prints(monkeypatch, tmp_path: Path, capsys) -> None:
    out = tmp_path / 'tables' / 'recipe.md'
    run_tool(monkeypatch, DEMO, 'avtracker', '--format', 'markdown', '--out', out)
    assert capsys.readouterr().out == ''
    run_tool(monkeypatch, DEMO, 'avtracker', '--format', 'markdown')
    assert capsys.readouterr().out == out.read_text()
    assert '| length | 1400 iterations | - |' in out.read_text()


def test_tool_names_an_unknown_config_in_one_line(monkeypatch) -> None:
    with pytest.raises(SystemExit) as end:
        run_tool(monkeypatch, DEMO, 'avtraker')
    assert end.value.code == (
        "error: Config avtraker does not exist. Did you mean 'avtracker'? "
        'avis.apis.list_models() returns the names of all models.'
    )
