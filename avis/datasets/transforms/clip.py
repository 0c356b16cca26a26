"""Functions shared by all clip transforms: chosen frames, checks of the order, random numbers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def frame_ids_of(results: Mapping[str, Any]) -> NDArray[np.int64]:
    """Return the indices of the frames that ``SampleFrames`` chose, or of all, shape (T,)."""
    if 'frame_ids' in results:
        return np.asarray(results['frame_ids'], np.int64)
    return np.arange(results['length'])


def clip_name(results: Mapping[str, Any]) -> str:
    """Return the name of a clip for errors."""
    return f'clip {results["video_id"]!r}'


def loaded_frames(results: Mapping[str, Any], step: str) -> NDArray[np.uint8]:
    """Return the loaded frames of a clip, shape (T, H, W, 3).

    Args:
        results: Keys of the clip.
        step: Name of the transform that needs them, for the error.

    Raises:
        ValueError: ``frames`` still contains paths.
    """
    frames = results['frames']
    if not isinstance(frames, np.ndarray):
        raise ValueError(
            f'{clip_name(results)}: {step} expected loaded frames (T, H, W, 3), got paths '
            f'({type(frames).__name__}); put LoadFrames before {step} in the pipeline'
        )
    return frames


def loaded_audio(results: Mapping[str, Any], step: str) -> NDArray[np.float32]:
    """Return the loaded audio: waveform (S,), log-mel examples (T, 96, 64) or features (T, D).

    Args:
        results: Keys of the clip.
        step: Name of the transform that needs it, for the error.

    Raises:
        ValueError: ``audio`` still contains a path.
    """
    audio = results['audio']
    if not isinstance(audio, np.ndarray):
        raise ValueError(
            f'{clip_name(results)}: {step} expected loaded audio, got a path '
            f'({type(audio).__name__}); put LoadAudio before {step} in the pipeline'
        )
    return audio


def refuse_loaded(results: Mapping[str, Any], key: str, step: str) -> None:
    """Raise ValueError if ``frames`` or ``audio`` contains pixels or samples instead of paths."""
    if isinstance(results[key], np.ndarray):
        raise ValueError(
            f'{clip_name(results)}: {step} expected paths in {key!r}, got an array of shape '
            f'{results[key].shape}; put {step} into the pipeline once'
        )


def path_of_frame(results: Mapping[str, Any], row: int) -> str:
    """Return the path of the image of a chosen frame, or of the video file."""
    paths: str | list[str] = results.get('frame_paths', results['frames'])
    return paths if isinstance(paths, str) else paths[frame_ids_of(results)[row]]


def worker_random() -> np.random.RandomState:
    """Return NumPy's global generator, which is seeded once per worker and run."""
    return np.random.mtrand._rand
