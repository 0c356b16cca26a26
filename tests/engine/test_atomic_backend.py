"""The file backend writes through :mod:`avis.utils.atomic`."""

from pathlib import Path

import pytest
from mmengine.fileio import get_file_backend

from avis.engine.atomic_backend import AtomicBackend


def test_put_replaces_the_file(tmp_path: Path) -> None:
    path = tmp_path / 'new' / 'file.bin'
    backend = get_file_backend(str(path), backend_args={'backend': 'atomic'})
    assert isinstance(backend, AtomicBackend)
    backend.put(b'first', path)
    backend.put_text('second', path)
    assert path.read_text() == 'second'
    assert [p.name for p in path.parent.iterdir()] == ['file.bin']


def test_failed_put_keeps_the_old_file(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / 'file.bin'
    AtomicBackend().put(b'old', path)

    def fail(file: int) -> None:
        raise OSError('no space left on device')

    monkeypatch.setattr('os.fsync', fail)
    with pytest.raises(OSError, match='no space'):
        AtomicBackend().put(b'new and longer', path)
    assert path.read_bytes() == b'old'
    assert [p.name for p in tmp_path.iterdir()] == ['file.bin']
