"""Reads mutated files in a process of its own; called by :mod:`tests.fuzz.__main__`.

Input number ``n`` depends on the seed and ``n`` only. A line of JSON goes to the parent before and
after each input.
"""

import json
import logging
import os
import random
import resource
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

MEMORY = 1 << 30
"""Bytes that reading a file may add to the process."""


def work(seed: int, first: int, names: list[str], out: IO[str]) -> None:
    """Read the inputs from number ``first`` on, without an end."""
    from tests.fuzz.readers import all_readers

    known = all_readers()
    readers = {name: known[name] for name in names or known}
    logging.disable(logging.CRITICAL)
    warnings.simplefilter('ignore')
    limit = _virtual_size() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for number in range(first, sys.maxsize):
            name = list(readers)[number % len(readers)]
            print(json.dumps({'number': number, 'reader': name}), file=out, flush=True)
            fault = read_one(readers[name], random.Random(f'{seed} {number}'), Path(folder))
            print(json.dumps({'number': number, 'reader': name, **fault}), file=out, flush=True)


def read_one(reader: Any, rng: random.Random, folder: Path) -> dict[str, Any]:
    """Read one mutated file.

    Returns:
        ``ok``: whether the file was read; ``fault``: what went wrong, '' if nothing.
    """
    from tests.fuzz.mutation import mutate
    from tests.fuzz.readers import SENTINEL

    for name, content in reader.seeds.items():
        (folder / name).write_bytes(content)
    name = rng.choice(list(reader.seeds))
    path = folder / name
    path.write_bytes(mutate(reader.seeds[name], path.suffix, rng))
    problems = []
    try:
        reader.read(path)
        ok = True
    except Exception as error:
        ok = False
        problems = list(_problems(error, path if reader.names_file else None))
    if (folder / SENTINEL).exists():
        (folder / SENTINEL).unlink()
        problems.append('code in the file was executed')
    return {'ok': ok, 'fault': '; '.join(problems), 'file': name}


def _problems(error: Exception, path: Path | None) -> Iterator[str]:
    """What is wrong with an error for a bad file."""
    kind = type(error)
    own = kind.__module__.startswith('avis') or kind.__module__ == 'builtins'
    expected = isinstance(error, OSError) or (isinstance(error, ValueError) and own)
    if not expected or isinstance(error, UnicodeError):
        yield f'{kind.__name__}: {str(error)[:200]}'
    elif path is not None and path.parent.name not in str(error):
        yield f'{kind.__name__} does not name the file: {str(error)[:200]}'


def _virtual_size() -> int:
    pages = int(Path('/proc/self/statm').read_text().split()[0])
    return pages * resource.getpagesize()


if __name__ == '__main__':
    seed, first, *names = sys.argv[1:]
    private = os.fdopen(os.dup(1), 'w')
    quiet = os.open(os.devnull, os.O_WRONLY)  # the decoders print to both
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    work(int(seed), int(first), names, private)
