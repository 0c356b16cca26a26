"""Files that appear only when they are complete."""

import os
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

SUFFIX = '.part'


class AtomicBackend(LocalBackend):
    """Local files, written beside their place under another name and then renamed.

    A process killed while writing leaves the previous file as it was, and a ``*.part``.
    """

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write bytes; the file is on the disk before it gets its name."""
        path = Path(filepath)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + SUFFIX)
        with part.open('wb') as file:
            file.write(obj)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)

    def put_text(self, obj: str, filepath: str | Path, encoding: str = 'utf-8') -> None:
        """Write text the same way."""
        self.put(obj.encode(encoding), filepath)


register_backend('atomic', AtomicBackend, force=True)
