"""Read masks that are stored as arrays: of a video in a MATLAB file, of a frame in an HDF5 file."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.datasets.readers.errors import broken_data_error, require_file
from avis.structures.video_record import H5Mask, MatMask
from avis.utils.optional import require

_KEY = 'part_mask'  # of J-HMDB


def read_stored_mask(source: MatMask | H5Mask) -> NDArray[np.uint8] | None:
    """Read one mask, 0 or 1, shape (H, W); None if the instance is not in the frame."""
    if 'mat' in source:
        return read_mat_mask(source['mat'], source['frame'])
    return read_h5_mask(source['h5'], source['instance'])


def mask_file(source: str | MatMask | H5Mask) -> str:
    """Path of the file of a label map or mask."""
    if isinstance(source, str):
        return source
    return source['mat'] if 'mat' in source else source['h5']


def read_mat_mask(path: str | Path, frame: int) -> NDArray[np.uint8]:
    """Read the mask of one frame, 0 or 1, shape (H, W).

    Args:
        path: MATLAB file with ``part_mask``, (H, W, T).
        frame: Index of the frame, from 0 on.

    Raises:
        FileNotFoundError: The file does not exist.
        BrokenDataError: It is not such a file, or has fewer frames.
    """
    from scipy.io import loadmat  # takes a quarter of a second to import

    require_file(path)
    try:
        masks: Any = loadmat(path, variable_names=[_KEY])[_KEY]
    except KeyError as error:
        raise broken_data_error(path, f'expected a variable {_KEY}, got none') from error
    except Exception as error:  # scipy raises errors of many kinds for a damaged file
        raise broken_data_error(path, f'is not a readable MATLAB file ({error})') from error
    if masks.ndim == 2:  # MATLAB drops the last axis of a single frame
        masks = masks[..., None]
    if masks.ndim != 3 or masks.dtype.kind not in 'biuf':
        problem = f'{_KEY} is {masks.dtype} {masks.shape}, expected numbers (H, W, T)'
        raise broken_data_error(path, problem)
    if frame >= masks.shape[2]:
        problem = f'has masks of {masks.shape[2]} frames, expected one of frame {frame + 1}'
        raise broken_data_error(path, problem)
    return np.asarray(masks[:, :, frame] > 0, np.uint8)


def read_h5_mask(path: str | Path, instance: int) -> NDArray[np.uint8] | None:
    """Read the mask of one instance of a frame of A2D, 0 or 1, shape (H, W); None if it is absent.

    Args:
        path: HDF5 file with ``instance``, the ids of N instances, and ``reMask``, (N, W, H), or
            (W, H) for a single one.
        instance: Id of the instance.

    Raises:
        FileNotFoundError: The file does not exist.
        BrokenDataError: It is not such a file.
        ImportError: h5py is missing; the message says how to install it.
    """
    h5py = require('h5py', by='A2D Sentences', install="pip install 'avis[a2d]'")
    require_file(path)
    try:
        with h5py.File(path) as file:
            ids, masks = np.ravel(file['instance'][()]), np.asarray(file['reMask'][()])
    except KeyError as error:
        raise broken_data_error(path, f'expected instance and reMask ({error})') from error
    except OSError as error:
        raise broken_data_error(path, f'is not a readable HDF5 file ({error})') from error
    if masks.ndim == 2:  # a single instance
        masks = masks[None]
    if masks.ndim != 3 or len(masks) != len(ids):
        problem = f'reMask is {masks.shape}, expected (N, W, H) of {len(ids)} instances'
        raise broken_data_error(path, problem)
    found = np.flatnonzero(ids == instance)
    return np.asarray(masks[found[0]].T > 0, np.uint8) if len(found) else None
