"""Names of the predictions that one evaluation compares."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

Predictions: TypeAlias = str | Path | Sequence[str | Path] | Mapping[str, str | Path]


def parse_predictions(texts: Sequence[str]) -> dict[str, Path]:
    """Split the values ``NAME=PATH`` or ``PATH`` of the command line.

    Raises:
        ValueError: Two predictions have the same name.

    >>> parse_predictions(['ours=a/results.json', 'theirs.json'])
    {'ours': PosixPath('a/results.json'), 'theirs': PosixPath('theirs.json')}
    """
    given: list[tuple[str, Path]] = []
    for text in texts:
        name, equals, path = text.partition('=')
        named = bool(name and equals and path) and '/' not in name and not Path(text).exists()
        given.append((name, Path(path)) if named else ('', Path(text)))
    derived = iter(_name([path for name, path in given if not name]))
    names = [name or next(derived) for name, _ in given]
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(f'--pred: two predictions are named {repeated[0]!r}; give NAME=PATH')
    return {name: path for name, (_, path) in zip(names, given, strict=True)}


def name_predictions(preds: Predictions) -> dict[str, Path]:
    """Name predictions by the last part of their path, or as given in a mapping.

    The folder above is added to a part that several share, or else a number.

    Raises:
        ValueError: There is no prediction.

    >>> list(name_predictions(['a/results.json', 'b/results.json.gz', 'c', 'c']))
    ['a/results', 'b/results', 'c', 'c (2)']
    """
    if isinstance(preds, Mapping):
        named = {name: Path(path) for name, path in preds.items()}
    else:
        named = _name([Path(p) for p in ([preds] if isinstance(preds, str | Path) else preds)])
    if not named:
        raise ValueError('expected at least one prediction, got 0')
    return named


def _name(paths: Sequence[Path]) -> dict[str, Path]:
    stems = [path.name.removesuffix('.gz').removesuffix('.json') or str(path) for path in paths]
    # The same path twice shares nothing with another one.
    shared = Counter(dict(zip(paths, stems, strict=True)).values())
    stems = [
        f'{path.absolute().parent.name}/{stem}' if shared[stem] > 1 else stem
        for path, stem in zip(paths, stems, strict=True)
    ]
    named: dict[str, Path] = {}
    for stem, path in zip(stems, paths, strict=True):
        number, name = 1, stem
        while name in named:
            number += 1
            name = f'{stem} ({number})'
        named[name] = path
    return named
