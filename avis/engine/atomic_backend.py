"""File backend of mmengine whose files appear under their name only when they are complete."""

from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

from avis.utils.atomic import write_atomic


class AtomicBackend(LocalBackend):
    """Local files, written by :func:`avis.utils.atomic.write_atomic`."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write bytes."""
        write_atomic(filepath, obj)

    def put_text(self, obj: str, filepath: str | Path, encoding: str = 'utf-8') -> None:
        """Write text."""
        write_atomic(filepath, obj, encoding=encoding)


register_backend('atomic', AtomicBackend, force=True)
