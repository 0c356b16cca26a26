"""The files of configs: which exist, which a config inherits from, which names they use."""

import ast
import difflib
from collections.abc import Iterator
from pathlib import Path

from avis.utils.compat.config_bases import configs_root, get_installed_path


def list_configs() -> list[Path]:
    """The paths of all configs of avis that can be run, of a clone or of an installed wheel."""
    folder = configs_root() / 'configs'
    return sorted(path for path in folder.rglob('*.py') if '_base_' not in path.parts)


def find_config(name: str | Path) -> Path:
    """The path of a config: that of a file, or of a config of avis with this name.

    Raises:
        FileNotFoundError: There is neither.
    """
    if Path(name).is_file():
        return Path(name)
    known = {path.stem: path for path in list_configs()}
    wanted = str(name).removesuffix('.py')
    if wanted in known:
        return known[wanted]
    close = difflib.get_close_matches(Path(wanted).name, known, n=1)
    hint = f' Did you mean {close[0]!r}?' if close else ''
    raise FileNotFoundError(f'Config {name} does not exist, as a file or a config of avis.{hint}')


def config_files(path: Path) -> Iterator[Path]:
    """Yield a config file and all files it inherits from by ``with read_base()``."""
    yield path
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.With) and 'read_base' in ast.dump(node.items[0]):
            for line in node.body:
                if isinstance(line, ast.ImportFrom) and line.module:
                    yield from config_files(_base_file(path, line.module, line.level))


def _base_file(path: Path, module: str, level: int) -> Path:
    """The file behind ``from <level dots><module> import *`` in a config."""
    package, *names = module.split('.')
    if level:
        folder, names = path.resolve().parents[level - 1], [package, *names]
    else:
        folder = Path(get_installed_path(package))
    return folder.joinpath(*names).with_suffix('.py')


def names_read(path: Path) -> set[str]:
    """The variables that a config file reads."""
    return _names(path, ast.Load)


def names_assigned(path: Path) -> set[str]:
    """The variables that a config file assigns."""
    return _names(path, ast.Store)


def _names(path: Path, context: type[ast.expr_context]) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text()))
    return {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, context)}
