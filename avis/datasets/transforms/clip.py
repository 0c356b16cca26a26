"""What all clip transforms share: the chosen frames and the worker's random numbers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def frame_ids_of(results: Mapping[str, Any]) -> NDArray[np.int64]:
    """The frames that ``SampleFrames`` chose, or all of the video, shape (T,)."""
    if 'frame_ids' in results:
        return np.asarray(results['frame_ids'], np.int64)
    return np.arange(results['length'])


def clip_name(results: Mapping[str, Any]) -> str:
    """How errors call a clip."""
    return f'clip {results["video_id"]!r}'


def worker_random() -> np.random.RandomState:
    """NumPy's global generator: the one that is seeded once per worker and run."""
    return np.random.mtrand._rand
