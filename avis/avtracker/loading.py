"""What the parts of AVTracker share when they open other parts, libraries, weights and sound."""

import contextlib
import importlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from avis.avtracker.interfaces import ModelUnavailable
from avis.registry import MODELS
from avis.structures.media import Waveform


def build_part(part: Any, *, method: str | None = None, where: str = '') -> Any:
    """A part from its config; one that is an object already stays.

    Args:
        part: The part.
        method: The method that makes it one of its kind, see :mod:`avis.avtracker.interfaces`.
        where: Its place in the config.

    Raises:
        ValueError: It is of another kind.
    """
    made = MODELS.build(part) if isinstance(part, dict) else part
    if method is not None and not callable(getattr(made, method, None)):
        raise ValueError(f'{where} must be a part with {method}(), got {type(made).__name__}')
    return made


def check_dtype(name: str, *, by: str) -> None:
    """Raise ValueError unless it is a kind of floating point number of torch."""
    import torch

    kind = getattr(torch, name, None)
    if not isinstance(kind, torch.dtype) or not kind.is_floating_point:
        raise ValueError(f"{by}: dtype is 'bfloat16', 'float16' or 'float32', got {name!r}")


def require(module: str, *, by: str, install: str) -> ModuleType:
    """Import an optional package where it is needed.

    Args:
        module: Dotted name.
        by: Who needs it.
        install: What to type to get it.

    Raises:
        ImportError: It is missing or broken; the message says what to type.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f'{by} needs {module} ({error}). Install it: {install}') from error


def pick_device(device: str | None) -> str:
    """The device asked for, else the current GPU, else the CPU.

    A GPU has its number: SpeechBrain and ModelScope take ``'cuda'`` for the first one, so that all
    processes of a run would meet there (D8).
    """
    import torch

    if device in (None, 'cuda') and torch.cuda.is_available():
        return f'cuda:{torch.cuda.current_device()}'
    return device or 'cpu'


@contextlib.contextmanager
def same_gpu() -> Iterator[None]:
    """Libraries that move the whole process to the GPU of their model do so only inside."""
    import torch

    current = torch.cuda.current_device() if torch.cuda.is_available() else None
    try:
        yield
    finally:
        if current is not None:
            torch.cuda.set_device(current)


@contextlib.contextmanager
def loading_weights(model: str, *, by: str) -> Iterator[None]:
    """Around the opening of weights: what goes wrong there is no fault of a video.

    Args:
        model: File, folder or name of the weights.
        by: Who needs them.

    Raises:
        ModelUnavailable: In place of any error but a missing package.
    """
    try:
        with same_gpu():
            yield
    except ImportError:
        raise
    except Exception as error:
        raise ModelUnavailable(
            f'{by} cannot open {model!r} ({type(error).__name__}: {error}). Fetch its weights, or '
            f'name the folder that holds them.'
        ) from error


def mono(waveform: Waveform, sample_rate: int, *, by: str) -> np.ndarray:
    """The samples, float32 (S,), checked.

    Raises:
        ValueError: Another rate, several channels, or values that are no numbers.
    """
    samples = waveform.samples
    if waveform.sample_rate != sample_rate or samples.ndim != 1:
        raise ValueError(
            f'{by} takes mono sound at {sample_rate} Hz, got {waveform.name or "a waveform"} of '
            f'shape {samples.shape} at {waveform.sample_rate} Hz; resample it first.'
        )
    if not np.isfinite(samples).all():
        raise ValueError(f'{by}: {waveform.name or "a waveform"} holds values that are no numbers')
    return np.ascontiguousarray(samples, np.float32)
