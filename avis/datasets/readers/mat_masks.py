"""Read the masks of a video from a MATLAB file."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat

from avis.datasets.readers.errors import broken_data_error, require_file

_KEY = 'part_mask'  # of J-HMDB


def read_mat_mask(path: str | Path, frame: int) -> NDArray[np.uint8]:
    """Read the mask of one frame, 0 or 1, shape (H, W).

    Args:
        path: MATLAB file with ``part_mask``, (H, W, T).
        frame: Index of the frame, from 0 on.

    Raises:
        FileNotFoundError: The file does not exist.
        BrokenDataError: It is not such a file, or has fewer frames.
    """
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
