"""Refuse text that must not be committed: debuggers, hard-wired devices, paths of one machine."""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
MAX_BYTES = 500_000


class Ban(NamedTuple):
    """A pattern, what to do instead, and the folders in which it is fine."""

    pattern: re.Pattern[str]
    instead: str
    allowed_in: tuple[str, ...] = ()


BANS = (
    Ban(re.compile(r'\.cuda\('), 'move to a device given as argument: x.to(device)'),
    Ban(re.compile(r'environ\[[\'"]CUDA'), 'leave the choice of devices to the user'),
    Ban(re.compile(r'import pdb|\bbreakpoint\('), 'remove the debugger'),
    Ban(re.compile(r'np\.random\.seed\('), 'pass np.random.Generator on', ('tests/',)),
    Ban(
        re.compile(r'(?<![\w.>/])/(?:home|root|Users|work|mnt|data\d*|scratch)/\w'),
        'use a path relative to the repository, or an argument',
    ),
    Ban(re.compile(r'\b[A-Z]:\\\\?\w'), 'use a path relative to the repository, or an argument'),
    Ban(re.compile(r'^(?:<{7}|>{7}) '), 'resolve the merge conflict'),
)


def check_text(name: str, text: str) -> Iterator[str]:
    """Yield one message per banned text; ``name`` is relative to the repository."""
    for number, line in enumerate(text.splitlines(), 1):
        for ban in BANS:
            found = ban.pattern.search(line)
            if found and not name.startswith(ban.allowed_in):
                yield f'{name}:{number}: {found.group()!r} is banned: {ban.instead}'


def check_file(path: Path, name: str) -> Iterator[str]:
    """Yield the messages of one file: its size, and its text if it is text."""
    content = path.read_bytes()
    if len(content) > MAX_BYTES:
        yield f'{name}: {len(content)} bytes, at most {MAX_BYTES} may be committed'
    if b'\0' not in content:
        yield from check_text(name, content.decode('utf-8', errors='replace'))


def committable_files() -> list[str]:
    """Files that git tracks or would add, without this one and its test, which spell the bans."""
    command = ['git', 'ls-files', '--cached', '--others', '--exclude-standard', '-z']
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    names = {name for name in done.stdout.split('\0') if name and (ROOT / name).is_file()}
    return sorted(name for name in names if 'check_banned_text' not in name)


def main() -> int:
    """Check the files named on the command line, or all of the repository."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('files', nargs='*', type=Path, help='default: all files git knows')
    files = [str(file) for file in parser.parse_args().files] or committable_files()
    messages = [message for name in files for message in check_file(ROOT / name, name)]
    print(*messages, f'{len(files)} files, {len(messages)} banned texts', sep='\n')
    return 1 if messages else 0


if __name__ == '__main__':
    sys.exit(main())
