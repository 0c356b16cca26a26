"""The formats of result files by name, open for those of a project.

::

    @register_export('my_format')
    def write_my_format(folder: Path, result: VideoResult) -> Path: ...
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias, TypeVar

from avis.structures.video_result import VideoResult

Writer: TypeAlias = Callable[[Path, VideoResult], Path]
"""Writes the result of one video into its folder; returns the path of the file or folder."""

_Registered = TypeVar('_Registered', bound=Writer)

WRITERS: dict[str, Writer] = {}
"""The registered functions; those of avis once :mod:`avis.export.formats` is imported."""


def register_export(name: str) -> Callable[[_Registered], _Registered]:
    """Register a function that writes one format.

    Args:
        name: Name of the format, as in ``--export``.

    Raises:
        KeyError: Another function has this name.
    """

    def register(writer: _Registered) -> _Registered:
        if name in WRITERS:
            raise KeyError(f'export format {name!r} is already registered; choose another name')
        WRITERS[name] = writer
        return writer

    return register
