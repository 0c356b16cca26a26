"""Prompt templates: the text files of this folder, or a file of the user."""

from pathlib import Path

_HERE = Path(__file__).parent


def load_prompt(name_or_path: str | None, default: str) -> str:
    """Read a template; ``{{`` and ``}}`` are literal braces.

    Args:
        name_or_path: Name of a template here (without ``.txt``), a path, or None for ``default``.
        default: Name of a template here.

    Raises:
        FileNotFoundError: There is neither a template nor a file of this name.
    """
    name = name_or_path or default
    for path in (_HERE / f'{name}.txt', Path(name)):
        if path.is_file():
            return path.read_text(encoding='utf-8')
    known = sorted(path.stem for path in _HERE.glob('*.txt'))
    raise FileNotFoundError(f'no prompt file {name!r}; use a path or one of {known}')


def fill(template: str, **values: object) -> str:
    """Fill a template.

    Raises:
        ValueError: The template uses an unknown field or unbalanced braces.

    >>> fill('{frames} frames, {{}}', frames=3)
    '3 frames, {}'
    """
    try:
        return template.format(**values)
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(
            f'the prompt template cannot be filled ({error}); it may use the fields '
            f'{sorted(values)} in braces, and literal braces must be doubled'
        ) from error
