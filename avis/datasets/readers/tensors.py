"""Read precomputed audio: pickled log-mel examples and feature arrays, without running code.

A pickle is a program. The log-mel files of AVSBench are pickled torch tensors, so the unpickler
here accepts the names that such a file needs and rejects all others.
"""

import collections
import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.datasets.readers.errors import broken_data_error, require_file
from avis.utils.compat.checkpoint_loading import check_unpacked_size

_EXAMPLE = (96, 64)  # frames of 10 ms, mel bands: one VGGish example


def read_log_mel(path: str | Path) -> NDArray[np.float32]:
    """Read a pickled float tensor (T, 1, 96, 64) or (T, 96, 64) as an array (T, 96, 64).

    Raises:
        FileNotFoundError: The file does not exist.
        BrokenDataError: The file is not such a tensor, contains NaN, or is a pickle that does
            more than rebuild a tensor; none of it has run then.
    """
    import torch

    require_file(path)
    try:
        # In memory, because a file reserves as many bytes as a length in the pickle claims.
        value = _TensorUnpickler(io.BytesIO(Path(path).read_bytes())).load()
    except _ForbiddenName as error:
        raise broken_data_error(
            path,
            f'is a pickle that calls {error}; it was not run',
            'Do not trust this file.',
        ) from error
    except Exception as error:  # a damaged pickle may raise anything
        raise broken_data_error(
            path, f'is not a pickled tensor ({type(error).__name__}: {error})'
        ) from error
    if not isinstance(value, torch.Tensor) or not value.is_floating_point():
        kind = str(getattr(value, 'dtype', type(value).__name__))
        raise broken_data_error(path, f'contains {kind}, expected a float tensor')
    shape = tuple(value.shape)
    if shape[-2:] != _EXAMPLE or len(shape) not in (3, 4) or shape[1:-2] not in ((), (1,)):
        raise broken_data_error(
            path, f'contains a tensor of shape {shape}, expected (T, 1, 96, 64)'
        )
    size = Path(path).stat().st_size
    if value.numel() * value.element_size() > size:  # rows that share their memory
        raise broken_data_error(
            path, f'contains a tensor of shape {shape}, for which its {size} bytes are too few'
        )
    return _finite(path, value.detach().float().reshape(-1, *_EXAMPLE).numpy())


def read_features(path: str | Path) -> NDArray[np.float32]:
    """Read an ``.npy`` array of shape (T, D), one row per frame; pickles are rejected."""
    require_file(path)
    try:
        # Mapped: the shape in the header is compared with the size of the file.
        rows = np.load(path, mmap_mode='r', allow_pickle=False)
    except Exception as error:  # damaged headers raise errors of many types
        raise broken_data_error(path, f'is not a readable .npy array ({error})') from error
    if not isinstance(rows, np.ndarray):
        raise broken_data_error(path, 'is an archive of arrays, expected one .npy array')
    if rows.ndim != 2 or not np.issubdtype(rows.dtype, np.floating):
        raise broken_data_error(
            path, f'contains {rows.dtype} of shape {rows.shape}, expected floats (T, D)'
        )
    return _finite(path, np.array(rows, np.float32))


def _finite(path: str | Path, values: NDArray[np.float32]) -> NDArray[np.float32]:
    bad = np.count_nonzero(~np.isfinite(values))
    if bad:
        raise broken_data_error(path, f'contains {bad} NaN or infinite values')
    return values


class _ForbiddenName(pickle.UnpicklingError):
    """The pickle refers to a global that pickled tensors do not need."""


class _TensorUnpickler(pickle.Unpickler):
    """Accepts the four globals of a pickled CPU tensor, in the protocols of torch 1 and 2."""

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        import torch

        if (module, name) == ('torch._utils', '_rebuild_tensor_v2'):
            return torch._utils._rebuild_tensor_v2
        if (module, name) == ('torch.storage', '_load_from_bytes'):
            return _load_storage  # torch's own function unpickles anything
        if (module, name) == ('collections', 'OrderedDict'):
            return collections.OrderedDict
        if (module, name) == ('_codecs', 'encode'):
            return _latin1_bytes
        raise _ForbiddenName(f'{module}.{name}')


def _load_storage(data: bytes) -> Any:
    import torch

    try:
        check_unpacked_size(io.BytesIO(data), len(data))
        return torch.load(io.BytesIO(data), map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:  # torch's message advises to disable the check
        raise _ForbiddenName('other objects than a storage inside its storage') from error


def _latin1_bytes(text: str, encoding: str) -> bytes:
    """Encode text as latin-1: protocol 2 stores bytes this way, and with no other codec."""
    if encoding != 'latin1':
        raise _ForbiddenName(f'codec {encoding}')
    return text.encode('latin1')
