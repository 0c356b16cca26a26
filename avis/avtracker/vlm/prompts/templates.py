"""The questions put to a model: text files here, replaceable by a file of the user."""

from pathlib import Path

_HERE = Path(__file__).parent


def load_prompt(name_or_path: str | None, default: str) -> str:
    """Read a template; ``{{`` and ``}}`` stand for braces.

    Args:
        name_or_path: Name of a file here without its ending, a path, or None for ``default``.
        default: Name of a file here.

    Raises:
        FileNotFoundError: Neither.
    """
    name = name_or_path or default
    for path in (_HERE / f'{name}.txt', Path(name)):
        if path.is_file():
            return path.read_text(encoding='utf-8')
    known = sorted(path.stem for path in _HERE.glob('*.txt'))
    raise FileNotFoundError(f'no prompt file {name!r}; give a path or one of {known}')


def fill(template: str, **values: object) -> str:
    """Fill a template.

    Raises:
        ValueError: The template asks for something that is not known here.

    >>> fill('{frames} frames, {{}}', frames=3)
    '3 frames, {}'
    """
    try:
        return template.format(**values)
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(
            f'the prompt cannot be filled ({error}); it may use {sorted(values)} in braces, and '
            f'braces of its own must be doubled'
        ) from error
