"""Loading mmengine checkpoints without running what a stranger pickled into them.

Reason: mmengine 0.10.7 calls ``torch.load`` with defaults. Up to torch 2.5 that unpickles any
code; from 2.6 on it refuses mmengine's own ``HistoryBuffer``, so ``Runner.resume`` fails. Local
files and URLs are loaded with ``weights_only=True`` plus an allow-list of what mmengine writes.
Ends with: an mmengine release that loads its checkpoints with ``weights_only=True``.
"""

import contextlib
import pickle
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from avis.utils.compat.import_hook import after_import

_trusted = False


@contextlib.contextmanager
def trusted_checkpoints() -> Iterator[None]:
    """Within this block checkpoints may contain any pickled code: for files you made yourself."""
    global _trusted
    before, _trusted = _trusted, True
    try:
        yield
    finally:
        _trusted = before


def allowed_globals() -> list[Any]:
    """What a checkpoint of mmengine may contain besides tensors and plain containers."""
    import numpy as np
    from mmengine.logging.history_buffer import HistoryBuffer
    from numpy.core import multiarray as old_multiarray

    allowed: list[Any] = [HistoryBuffer, np.ndarray, np.dtype, np.float64, np.float32, np.int64]
    allowed += [type(np.dtype(kind)) for kind in ('f8', 'f4', 'i8', 'i4', 'u1', '?')]
    allowed += [old_multiarray._reconstruct, old_multiarray.scalar]
    return allowed


def load_file(filename: str | Path, map_location: Any = None) -> Any:
    """Load one checkpoint file.

    Args:
        filename: Path of the file.
        map_location: As for ``torch.load``.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: The file is damaged, or holds something else than weights and is not trusted.
    """
    import torch

    path = Path(filename).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'Checkpoint {path} does not exist.')
    try:
        if _trusted:
            return torch.load(path, map_location=map_location, weights_only=False)
        if not hasattr(torch.serialization, 'safe_globals'):  # torch < 2.5
            return torch.load(path, map_location=map_location, weights_only=True)
        with torch.serialization.safe_globals(allowed_globals()):
            return torch.load(path, map_location=map_location, weights_only=True)
    except pickle.UnpicklingError as error:
        if 'weights_only' not in str(error) and 'WeightsUnpickler' not in str(error):
            raise ValueError(_damaged(path, error)) from error
        raise ValueError(
            f'Checkpoint {path} holds more than weights and was not loaded: {_first_line(error)} '
            f'If you made this file yourself, pass --trust-checkpoint (or load it inside '
            f'avis.utils.compat.checkpoint_loading.trusted_checkpoints()).'
        ) from error
    except (RuntimeError, EOFError, OSError, KeyError, ValueError, AttributeError) as error:
        raise ValueError(_damaged(path, error)) from error


def _damaged(path: Path, error: Exception) -> str:
    return (
        f'Checkpoint {path} cannot be read ({type(error).__name__}: {_first_line(error)}). '
        f'It is truncated or not a torch file: download or save it again.'
    )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [''])[0]


def _register_loaders(module: ModuleType) -> None:
    """Replace mmengine's loaders of local files and URLs by ours."""

    def load_from_local(filename: str, map_location: Any = None) -> Any:
        return load_file(filename, map_location)

    def load_from_http(filename: str, map_location: Any = None, model_dir: Any = None) -> Any:
        from mmengine.dist import get_dist_info
        from torch.hub import download_url_to_file, get_dir

        folder = Path(model_dir or Path(get_dir()) / 'checkpoints')
        path = folder / Path(filename).name
        rank, world_size = get_dist_info()
        if rank == 0 and not path.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            download_url_to_file(filename, str(path))  # writes a temporary file, then renames
        if world_size > 1:
            import torch.distributed

            torch.distributed.barrier()
        return load_file(path, map_location)

    loader = module.CheckpointLoader
    loader.register_scheme(prefixes='', loader=load_from_local, force=True)
    loader.register_scheme(prefixes=('http://', 'https://'), loader=load_from_http, force=True)


def install() -> None:
    """Wait for the import of ``mmengine.runner.checkpoint``."""
    after_import('mmengine.runner.checkpoint', _register_loaders)
