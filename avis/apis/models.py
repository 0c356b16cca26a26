"""The models of avis: list them, and find one by name, config or alias, without torch.

Names are those of the configs; a metafile adds where the weights are, other names (``Alias``) and
published results.
"""

import difflib
import fnmatch
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from avis.apis.config_files import config_files, list_configs
from avis.utils.compat.config_bases import configs_root

Task = Literal['avs', 'avss', 'avis', 'speaker_tracking', 'asd']
"""Binary, semantic and instance segmentation, speaker tracking, active speaker detection."""

# By the base file of the data that a config opens.
_TASK_OF_DATA: dict[str, Task] = {
    'avsbench_s4': 'avs',
    'avsbench_ms3': 'avs',
    'synthetic_ms3': 'avs',
    'avss': 'avss',
    'avtrack_videos': 'speaker_tracking',
    'ava': 'asd',
    'synthetic_ava': 'asd',
}


@dataclass(frozen=True)
class ModelInfo:
    """A model that a name stands for.

    Attributes:
        name: Name of the config.
        config: Path of the config.
        weights: Path or address of published weights; None if there are none.
        aliases: Other names.
        results: Published results, as in the metafile.
        page: Web page where the authors publish weights; None if there is none.
        converter: Kind of these weights, see :func:`avis.apis.convert_checkpoint`.
    """

    name: str
    config: Path
    weights: str | None = None
    aliases: tuple[str, ...] = ()
    results: tuple[dict[str, Any], ...] = field(default=(), compare=False)
    page: str | None = None
    converter: str | None = None

    @property
    def task(self) -> Task:
        """What it predicts, by the data that its config opens; 'avis' if they do not say."""
        bases = (path for path in config_files(self.config) if path.parent.parent.name == '_base_')
        tasks = (_TASK_OF_DATA.get(path.stem) for path in bases)
        return next((task for task in tasks if task is not None), 'avis')

    def weights_hint(self) -> str:
        """Say in one sentence where weights come from, for a model that cannot do without."""
        released = (
            f'get those of the authors, if they released them, at {self.page} and convert them '
            f'(avis convert {self.converter} FILE OUT), or '
            if self.page
            else ''
        )
        return f'{self.name} needs weights: {released}train it (avis train {self.name}).'


def find_models(pattern: str | None = None, task: Task | None = None) -> list[ModelInfo]:
    """Return the models whose name or alias matches.

    Args:
        pattern: Shell pattern such as ``'tpavi*'``, or a part of the name; None for all.
        task: 'avs', 'avss', 'avis', 'speaker_tracking' or 'asd'; None for all.

    Raises:
        ValueError: ``task`` is none of these.
    """
    if task is not None and task not in get_args(Task):
        raise ValueError(f'expected task to be one of {", ".join(get_args(Task))}, got {task!r}')
    wanted = '*' if pattern is None else pattern.lower()
    wanted = wanted if any(char in wanted for char in '*?[') else f'*{wanted}*'
    return [
        model
        for model in _models()
        if task in (None, model.task)
        and any(fnmatch.fnmatch(name.lower(), wanted) for name in (model.name, *model.aliases))
    ]


def list_models(pattern: str | None = None, task: Task | None = None) -> list[str]:
    """Return the names of the models of avis, see :func:`find_models`.

    >>> from avis.apis import list_models
    >>> list_models('tpavi_r50*', task='avss')
    ['tpavi_r50_avss']
    """
    return [model.name for model in find_models(pattern, task)]


def find_model(name: str | Path) -> ModelInfo:
    """Return the model of a config file, of the name of a config, or of an alias.

    Raises:
        FileNotFoundError: There is no such file or name; the message suggests a similar one.
    """
    path = Path(name)
    if path.is_file():
        same = (model for model in _models() if model.config == path.resolve())
        return replace(next(same, ModelInfo(path.stem, path)), config=path)
    known = {each.lower(): model for model in _models() for each in (model.name, *model.aliases)}
    wanted = str(name).lower().removesuffix('.py')
    if wanted in known:
        return known[wanted]
    close = difflib.get_close_matches(wanted, known, n=1)
    hint = f' Did you mean {known[close[0]].name!r}?' if close else ''
    if path.suffix != '.py':
        hint += ' avis.apis.list_models() returns the names of all models.'
    raise FileNotFoundError(f'Config {name} does not exist.{hint}')


def _models() -> Iterator[ModelInfo]:
    """Yield all models in the order of their paths."""
    entries, released = {}, {}
    for path in sorted((configs_root() / 'configs').rglob('metafile.yml')):
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
        entries.update({entry['Config']: entry for entry in content['Models']})
        for collection in content['Collections']:
            released[collection['Name']] = collection.get('Checkpoints', {})
    for config in list_configs():
        entry = entries.get(config.relative_to(configs_root()).as_posix(), {})
        aliases, authors = entry.get('Alias', []), released.get(entry.get('In Collection'), {})
        yield ModelInfo(
            name=config.stem,
            config=config,
            weights=entry.get('Weights'),
            aliases=(aliases,) if isinstance(aliases, str) else tuple(aliases),
            results=tuple(entry.get('Results', ())),
            page=authors.get('Page'),
            converter=authors.get('Converter'),
        )
