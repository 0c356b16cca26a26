"""The files of configs: which exist, which a config inherits from, which names they use."""

import ast
import codecs
from collections.abc import Iterator
from pathlib import Path

from avis.utils.compat.config_bases import configs_root, get_installed_path


def list_configs() -> list[Path]:
    """The paths of all configs of avis that can be run, of a clone or of an installed wheel."""
    folder = configs_root() / 'configs'
    return sorted(path for path in folder.rglob('*.py') if '_base_' not in path.parts)


def config_files(path: Path, importers: tuple[Path, ...] = ()) -> Iterator[Path]:
    """Yield a config file and all files it inherits from by ``with read_base()``.

    Args:
        path: The config file.
        importers: The files that inherit from it.

    Raises:
        ValueError: A file is not Python in UTF-8, does not exist, or inherits from itself; the
            message names file and line.
    """
    yield path
    for node in ast.walk(_parse(path)):
        if isinstance(node, ast.With) and 'read_base' in ast.dump(node.items[0]):
            for line in node.body:
                if isinstance(line, ast.ImportFrom) and line.module:
                    where = f'{path}:{line.lineno}'
                    try:
                        base = _base_file(path, line.module, line.level)
                    except ModuleNotFoundError as error:
                        raise ValueError(f'{where}: {error}') from error
                    except IndexError as error:
                        problem = f'{line.level} dots lead out of the file system'
                        raise ValueError(f'{where}: {problem}') from error
                    if not base.is_file():
                        raise ValueError(f'{where}: the base file {base} does not exist')
                    chain = (*importers, path)
                    if any(base.samefile(file) for file in chain):
                        raise ValueError(f'{where}: the config inherits from itself')
                    yield from config_files(base, chain)


def _parse(path: Path) -> ast.Module:
    """The syntax tree of a config file."""
    data = path.read_bytes()
    if data.startswith(codecs.BOM_UTF8):
        raise ValueError(f'{path}:1: expected UTF-8 without a byte order mark; save it without')
    try:
        return ast.parse(data.decode('utf-8'))
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b'\n') + 1
        raise ValueError(
            f'{path}:{line}: expected text in UTF-8, got byte {data[error.start]:#04x}'
        ) from error
    except SyntaxError as error:
        raise ValueError(f'{path}:{error.lineno or 1}: SyntaxError: {error.msg}') from error
    except (ValueError, RecursionError, MemoryError) as error:
        problem = str(error) if isinstance(error, ValueError) else 'is nested too deeply'
        raise ValueError(f'{path}: {problem}') from error


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
    nodes = ast.walk(_parse(path))
    return {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, context)}
