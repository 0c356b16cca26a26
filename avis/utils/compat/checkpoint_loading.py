"""Load checkpoints without running pickled code.

Reason: mmengine 0.10.7 calls ``torch.load`` with defaults. Up to torch 2.5 that runs any pickled
code; from 2.6 on it rejects mmengine's own ``HistoryBuffer``, so ``Runner.resume`` fails. Local
files and URLs are loaded with an allow-list of what mmengine writes: by torch's ``weights_only``
where that is safe and supports lists with names (2.6), else by a small unpickler.
Ends with: an mmengine release that loads its checkpoints with ``weights_only=True``.
"""

import codecs
import collections
import contextlib
import pickle
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from avis.utils.compat.import_hook import after_import

_trusted = False


@contextlib.contextmanager
def trusted_checkpoints() -> Iterator[None]:
    """Allow any pickled code in checkpoints within this block: for files you created yourself."""
    global _trusted
    before, _trusted = _trusted, True
    try:
        yield
    finally:
        _trusted = before


def _history_method(owner: Any, name: str) -> Any:
    """Replace ``getattr``, by which HistoryBuffer's statistics are pickled, for these only."""
    from mmengine.logging.history_buffer import HistoryBuffer

    if owner is not HistoryBuffer or name not in {'min', 'max', 'current', 'mean'}:
        raise pickle.UnpicklingError(f'GLOBAL getattr({owner!r}, {name!r}) is not allowed')
    return getattr(HistoryBuffer, name)


def allowed_globals() -> dict[str, Any]:
    """Globals that a checkpoint of mmengine may use besides tensors and plain containers."""
    import numpy as np
    from mmengine.logging.history_buffer import HistoryBuffer

    core = np._core if hasattr(np, '_core') else np.core  # NumPy 2 and 1
    allowed: dict[str, Any] = {
        'mmengine.logging.history_buffer.HistoryBuffer': HistoryBuffer,
        'builtins.getattr': _history_method,
        # Allowed by newer releases of torch: bytes, the milestones of MultiStepLR, sets.
        '_codecs.encode': codecs.encode,
        'collections.Counter': collections.Counter,
        'builtins.set': set,
        'numpy.ndarray': np.ndarray,
        'numpy.dtype': np.dtype,
    }
    for package in ('numpy.core', 'numpy._core'):  # files of either NumPy
        allowed[f'{package}.multiarray._reconstruct'] = core.multiarray._reconstruct
        allowed[f'{package}.multiarray.scalar'] = core.multiarray.scalar
    # torch sets the state of a dtype only if the dtype's own class is allowed.
    dtype_classes = [type(np.dtype(code)) for code in '?bhilqBHILQefdFDSU']
    return allowed | {f'numpy.dtypes.{cls.__name__}': cls for cls in dtype_classes}


class _AllowListUnpickler(pickle.Unpickler):
    """Rejects every global that is neither in torch's allow-list nor in ours."""

    def find_class(self, module: str, name: str) -> Any:
        """Look up the global in the lists instead of importing it."""
        from torch import _weights_only_unpickler

        full_name = f'{module.replace("__builtin__", "builtins")}.{name}'
        allowed = _weights_only_unpickler._get_allowed_globals() | allowed_globals()
        if full_name not in allowed:
            raise pickle.UnpicklingError(f'GLOBAL {full_name} is not allowed')
        return allowed[full_name]


class _AllowListPickle:
    """The part of the module :mod:`pickle` that ``torch.load`` uses, with our unpickler."""

    Unpickler = _AllowListUnpickler

    @staticmethod
    def load(file: Any, **kwargs: Any) -> Any:
        """As ``pickle.load``."""
        return _AllowListUnpickler(file, **kwargs).load()


def _torch_accepts_names() -> bool:
    """Whether ``weights_only`` is safe and its allow-list accepts names: from torch 2.6 on."""
    import torch
    from mmengine.utils import digit_version

    return bool(digit_version(torch.__version__) >= digit_version('2.6'))


def _load_allowed(path: Path, map_location: Any) -> Any:
    import torch

    if not _torch_accepts_names():
        return torch.load(
            path, map_location=map_location, pickle_module=_AllowListPickle, weights_only=False
        )
    pairs: list[Any] = [(value, name) for name, value in allowed_globals().items()]
    with torch.serialization.safe_globals(pairs):
        return torch.load(path, map_location=map_location, weights_only=True)


def _load_pickle(path: Path) -> Any:
    """Load a file of Detectron2: a plain pickle of NumPy arrays, written by Python 2."""
    with path.open('rb') as file:
        unpickler = pickle.Unpickler if _trusted else _AllowListUnpickler
        return unpickler(file, encoding='latin1').load()


def load_file(filename: str | Path, map_location: Any = None) -> Any:
    """Load one checkpoint file.

    Args:
        filename: Path of the file; one that ends with ``.pkl`` is a pickle of NumPy arrays.
        map_location: As for ``torch.load``.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: The file is damaged, or contains more than weights and is not trusted.
    """
    import torch

    path = Path(filename).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'Checkpoint {path} does not exist.')
    try:
        check_unpacked_size(path, path.stat().st_size)
        if path.suffix == '.pkl':
            return _load_pickle(path)
        if _trusted:
            return torch.load(path, map_location=map_location, weights_only=False)
        return _load_allowed(path, map_location)
    except PermissionError:
        raise
    except Exception as error:  # damaged bytes can raise any exception
        if 'CUDA' in str(error):  # no such device or no memory: not an error of the file
            raise
        raise ValueError(_explain(path, error)) from error


def check_unpacked_size(file: Path | IO[bytes], size: int) -> None:
    """Refuse a zip archive whose entries are larger than itself: torch does not compress them.

    Args:
        file: A file of torch, an archive or not.
        size: Its bytes.

    Raises:
        ValueError: The entries are compressed, or share their bytes.
    """
    if not zipfile.is_zipfile(file):
        return
    with zipfile.ZipFile(file) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > size:
        raise ValueError(f'{size} bytes that unpack to {unpacked}, which torch never writes')


def _explain(path: Path, error: Exception) -> str:
    """The problem of the file, and the remedy."""
    refused = re.search(
        r'GLOBAL (.+?) (?:was not|is not|whose)|reduce for .*|Can only .*', str(error)
    )
    if refused and isinstance(error, pickle.UnpicklingError):
        return (
            f'Checkpoint {path} contains more than weights and was not loaded: it uses '
            f'{refused.group(1) or refused.group()}. If you created this file yourself, pass '
            f'--trust-checkpoint (or load it inside '
            f'avis.utils.compat.checkpoint_loading.trusted_checkpoints()).'
        )
    # torch prints its advice before the reason.
    reason = (str(error).split('WeightsUnpickler error:')[-1].strip().splitlines() or [''])[0]
    return (
        f'Checkpoint {path} cannot be read ({type(error).__name__}: {reason}). '
        f'It is truncated or not a torch file: download or save it again.'
    )


def _register_loaders(module: ModuleType) -> None:
    """Replace mmengine's loaders of local files and URLs."""

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

    # What the schemes open-mmlab://, torchvision:// and mmcls:// call; it would run pickled code.
    module.load_from_http = load_from_http  # type: ignore[attr-defined]
    loader = module.CheckpointLoader
    loader.register_scheme(prefixes='', loader=load_from_local, force=True)
    loader.register_scheme(prefixes=('http://', 'https://'), loader=load_from_http, force=True)


def install() -> None:
    """Wait for the import of ``mmengine.runner.checkpoint``."""
    after_import('mmengine.runner.checkpoint', _register_loaders)
