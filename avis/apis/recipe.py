"""The recipe of a config: everything that decides what is trained and how it is scored.

A recipe is made of sections (data, augmentation, model, losses, optimization, evaluation), and a
section of named rows. Values are plain: numbers, text, lists, and dicts. A component is a dict with
the name of its class as ``type`` and its arguments, defaults of classes of avis included.
"""

import copy
import inspect
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from avis.apis.config import argument_defaults, load_config, resolve_type
from avis.apis.models import find_model
from avis.apis.recipe_format import Style, format_recipes
from avis.apis.recipe_run import built_rows, learning_rate, validations
from avis.datasets.mixed_dataset import parts_of

ConfigRecipe = dict[str, dict[str, Any]]
SECTIONS = ('data', 'augmentation', 'model', 'losses', 'optimization', 'evaluation')
# What a recipe is made of; blocks for logs and the like are left out.
_BLOCKS = {
    *(f'{split}_{kind}' for split in ('train', 'val', 'test') for kind in ('dataloader', 'cfg')),
    *('model', 'optim_wrapper', 'param_scheduler', 'val_evaluator', 'test_evaluator'),
}
# Arguments that change neither what is learned nor how it is scored.
_IMPLEMENTATION = {
    'ann_file',
    'cache_dir',
    'collect_device',
    'data_root',
    'device',
    'init_cfg',
    'kernel',
    'on_error',
    'out',
    'prefix',
    'record_dir',
    'weights',
}


def extract_recipe(cfg: Config) -> ConfigRecipe:
    """Collect what decides the result of a config.

    Models that are trained are built, without initialization, to count their parameters and the
    groups of their optimizer. No file of data or weights is read.

    Args:
        cfg: A config, see :func:`avis.apis.load_config`.

    Returns:
        Section -> row -> value. Sections without rows are left out; a config without training has
        no augmentation, losses and optimization.
    """
    cfg = copy.deepcopy(cfg)
    for key in _BLOCKS & set(cfg):
        _resolve_types(cfg[key], key, str(cfg.filename))
    trains = cfg.get('train_dataloader') is not None and cfg.get('optim_wrapper') is not None
    recipe: ConfigRecipe = {section: {} for section in SECTIONS}
    for path, part in _components(cfg.get('model') or {}):
        loss = path.split('.')[-1].startswith('loss')
        recipe['losses' if loss else 'model'][path or 'model'] = component(part)
    if trains:
        _add_training_data(recipe, cfg)
        model_rows, groups = built_rows(cfg)
        declared = [name for name, part in recipe['model'].items() if _is_frozen(part)]
        model_rows['frozen'] = [*declared, *model_rows['frozen']] or 'nothing'
        recipe['model'].update(model_rows)
        recipe['optimization'].update(_optimization(cfg), **groups)
    else:
        recipe['losses'] = {}
    recipe['evaluation'].update(_evaluation(cfg))
    return {section: rows for section, rows in recipe.items() if rows}


def _resolve_types(value: Any, key: str, path: str) -> None:
    """Replace the names of registered classes by the classes, as :func:`_components` expects."""
    if isinstance(value, dict):
        for name, item in value.items():
            if not name.endswith('_cfg'):  # of a layer: BN is no component
                _resolve_types(item, f'{key}.{name}', path)
        if isinstance(value.get('type'), str):
            value['type'] = resolve_type(value['type'], key, path)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _resolve_types(item, f'{key}[{index}]', path)


def compare_recipes(
    configs: Sequence[str | Path], *, style: Style = 'plain', only_differences: bool = False
) -> str:
    """Write the recipes of configs side by side, one column per config.

    Args:
        configs: Config files, or names of configs of avis.
        style: ``plain`` for a terminal, ``markdown``, or ``latex`` (a ``longtable``).
        only_differences: Leave out the rows that are the same in all configs.

    Returns:
        The table; it ends with a line break.

    Raises:
        FileNotFoundError: A config does not exist.
        ValueError: A config has an error.
    """
    paths = [find_model(config).config for config in configs]
    stems = [path.stem for path in paths]
    names = [p.stem if stems.count(p.stem) == 1 else str(p) for p in paths]
    recipes = [extract_recipe(load_config(path)) for path in paths]
    return format_recipes(names, recipes, style=style, only_differences=only_differences)


def _is_frozen(part: Mapping[str, Any]) -> bool:
    """Whether a component keeps its weights out of training by its argument ``frozen``."""
    return part.get('frozen') is True


def component(part: Mapping[str, Any]) -> dict[str, Any]:
    """The class of a component and its arguments, without nested components.

    Defaults are included for classes of avis. Arguments whose default is None, and those that
    change nothing but speed, are left out.
    """
    kind = part['type']
    defaults = (_takes_arguments_of_avis(kind) and argument_defaults(kind)) or {}
    values = {'type': getattr(kind, '__name__', str(kind))}
    for name, value in {**defaults, **part}.items():
        absent = value is inspect.Parameter.empty or value is defaults.get(name) is None
        if name in _IMPLEMENTATION | {'type'} or absent:
            continue
        if not any(True for _ in _components(value)):
            values[name] = plain(value)
    return values


def _takes_arguments_of_avis(kind: Any) -> bool:
    """Whether a class defines its constructor in avis, and so chooses its arguments."""
    owners = [cls for cls in getattr(kind, '__mro__', ()) if '__init__' in vars(cls)]
    return bool(owners) and owners[0].__module__.startswith('avis.')


def plain(value: Any) -> Any:
    """A value as numbers, text, lists and dicts."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.__name__ if inspect.isclass(value) or inspect.isfunction(value) else value


def _components(value: Any, path: str = '') -> Iterator[tuple[str, Mapping[str, Any]]]:
    """All nested dicts with a class as ``type``, outer ones first, with their dotted paths."""
    if isinstance(value, Mapping):
        if 'type' in value and not isinstance(value['type'], str):
            yield path, value
        for name, item in value.items():
            if name not in ('init_cfg', 'data_preprocessor'):
                yield from _components(item, f'{path}.{name}'.lstrip('.'))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value, start=1):
            yield from _components(item, f'{path}.{index}'.lstrip('.'))


def _add_training_data(recipe: ConfigRecipe, cfg: Config) -> None:
    """Training set, batch, sampler and steps of the pipeline."""
    loader = cfg.train_dataloader
    data = recipe['data']
    data['training set'] = _training_set(loader.dataset)
    clips = loader.batch_size * cfg.optim_wrapper.get('accumulative_counts', 1)
    effective = (cfg.get('auto_scale_lr') or {}).get('base_batch_size', clips)
    data['effective batch'] = effective
    data['clips per process'] = clips
    data['sampler'] = component(loader.sampler)
    data['drop last'] = bool(loader.get('drop_last', False))
    if 'data_preprocessor' in cfg.model:
        data['preprocessing'] = component(cfg.model.data_preprocessor)
    for part in parts_of(loader.dataset).values():
        for name, step in _steps(part):
            recipe['data' if _only_loads(step) else 'augmentation'][name] = component(step)


def _training_set(dataset: Mapping[str, Any]) -> str:
    """The data sets, and their shares if there are several."""
    names = ' and '.join(map(_dataset, parts_of(dataset).values()))
    shares = [f'{share:g}' for share in dataset.get('shares', {}).values()]
    return ', '.join([names, *([' : '.join(shares)] if shares else [])])


def _only_loads(step: Mapping[str, Any]) -> bool:
    """Whether a step of a pipeline reads or packs a clip, and changes nothing in it."""
    return step['type'].__name__.startswith(('Load', 'Pack', 'Open'))


def _dataset(dataset: Mapping[str, Any]) -> str:
    """Class, variant and split of a data set."""
    kind = dataset['type']
    names = [
        dataset.get('version'),
        dataset.get('split', (argument_defaults(kind) or {}).get('split')),
    ]
    return ' '.join([kind.__name__, *(str(name) for name in names if isinstance(name, str))])


def _steps(dataset: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The steps of a pipeline and the components in them, with names for people."""
    pipeline = dataset.get('pipeline') or {}
    named = pipeline.items() if isinstance(pipeline, Mapping) else enumerate(pipeline, start=1)
    for name, step in named:
        for path, part in _components(step or {}):
            if len(component(part)) > 1 or not _only_loads(part):
                yield (path or str(name)).replace('_', ' '), part


def _optimization(cfg: Config) -> dict[str, Any]:
    wrapper = cfg.optim_wrapper
    by_epoch = 'max_epochs' in cfg.train_cfg
    rows = {
        'optimizer': _optimizer(wrapper.optimizer),
        'gradient clipping': plain(wrapper.get('clip_grad')) or 'none',
        'precision': _training_precision(wrapper),
        'length': f'{cfg.train_cfg.max_epochs} epochs'
        if by_epoch
        else f'{cfg.train_cfg.max_iters} iterations',
        'schedule': [component(scheduler) for scheduler in cfg.get('param_scheduler') or []]
        or 'constant',
    }
    rates = learning_rate(cfg)
    if rates is not None:
        rows['learning rate from'] = rates
    rows['initial weights'] = _initial_weights(cfg)
    rows['seed'] = (cfg.get('randomness') or {}).get('seed')
    return rows


def _optimizer(optimizer: Mapping[str, Any]) -> dict[str, Any]:
    """An optimizer with the arguments that papers state, its defaults included."""
    defaults = inspect.signature(optimizer['type']).parameters
    names = ('lr', 'betas', 'momentum', 'eps', 'weight_decay', 'amsgrad')
    values = {n: optimizer.get(n, defaults[n].default) for n in names if n in defaults}
    return {'type': optimizer['type'].__name__, **plain(values)}


def _training_precision(wrapper: Mapping[str, Any]) -> str:
    name = wrapper['type'].__name__
    if name == 'BFloat16OptimWrapper':
        return 'bfloat16'
    return 'mixed float16' if name == 'AmpOptimWrapper' else 'float32'


def _initial_weights(cfg: Config) -> dict[str, str]:
    """Component -> name of the file that its weights are read from."""
    files = {'model': cfg.get('load_from')}
    for path, part in _components(cfg.model):
        init = part.get('init_cfg') or {}
        files[path] = init.get('checkpoint') or part.get('weights')
    return {path: Path(file).name for path, file in files.items() if file}


def _selection(cfg: Config) -> dict[str, Any]:
    """When the model is validated and which checkpoints are kept."""
    hook = cfg.get('default_hooks', {}).get('checkpoint') or {}
    points = validations(cfg) if cfg.get('val_evaluator') is not None else []
    best = hook.get('save_best')
    return {
        'validated after': _spaced(points),
        'checkpoints': [
            'last',
            *([f'best {best} on {_dataset(cfg.val_dataloader.dataset)}'] if best else []),
        ],
    }


def _spaced(points: list[int]) -> Any:
    """Equally spaced numbers as first, second, ..., last."""
    gaps = {after - before for before, after in itertools.pairwise(points)}
    if len(points) < 4 or len(gaps) != 1:
        return points
    return f'{points[0]}, {points[1]}, ..., {points[-1]}'


def _evaluation(cfg: Config) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    loader = cfg.get('test_dataloader')
    if loader is None:
        return rows
    rows['test set'] = _dataset(loader.dataset)
    rows['test batch'] = loader.batch_size
    for name, step in _steps(loader.dataset):
        if not name.startswith('load labels'):
            rows[name] = component(step)
    if cfg.get('val_dataloader') is not None and cfg.get('train_dataloader') is not None:
        rows['validation batch'] = cfg.val_dataloader.batch_size
        rows['validation metric'] = component(cfg.val_evaluator)
        rows.update(_selection(cfg))
    rows['test metric'] = component(cfg.test_evaluator)
    if 'type' in (cfg.get('test_cfg') or {}):
        loop = component(cfg.test_cfg)
        rows['test precision'] = 'mixed float16' if loop.pop('fp16', False) else 'float32'
        if len(loop) > 1:
            rows['test loop'] = loop
    return rows
