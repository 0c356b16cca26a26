"""Shared by the components of AVTracker: build components, load weights."""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from avis.avtracker.interfaces import ModelUnavailable
from avis.registry import MODELS
from avis.structures.media import Waveform


def build_part(part: Any, *, method: str | None = None, where: str = '') -> Any:
    """Build a component from its config; an object is returned as it is.

    Args:
        part: The component or its config.
        method: A method that the component must have, see :mod:`avis.avtracker.interfaces`.
        where: Its key in the config, for the error message.

    Raises:
        ValueError: The component lacks the method.
    """
    made = MODELS.build(part) if isinstance(part, dict) else part
    if method is not None and not callable(getattr(made, method, None)):
        raise ValueError(
            f'{where}: expected a component with {method}(), got {type(made).__name__}'
        )
    return made


def check_dtype(name: str, *, by: str) -> None:
    """Raise ValueError unless it is a floating point dtype of torch."""
    import torch

    kind = getattr(torch, name, None)
    if not isinstance(kind, torch.dtype) or not kind.is_floating_point:
        raise ValueError(f"{by}: expected dtype 'bfloat16', 'float16' or 'float32', got {name!r}")


def pick_device(device: str | None) -> str:
    """The requested device, else the current GPU, else the CPU.

    A GPU is named with its index: SpeechBrain and ModelScope take ``'cuda'`` for the first one,
    which all processes of a run would share.
    """
    import torch

    if device in (None, 'cuda') and torch.cuda.is_available():
        return f'cuda:{torch.cuda.current_device()}'
    return device or 'cpu'


@contextlib.contextmanager
def same_gpu() -> Iterator[None]:
    """Restore the current GPU: some libraries switch the whole process to that of their model."""
    import torch

    current = torch.cuda.current_device() if torch.cuda.is_available() else None
    try:
        yield
    finally:
        if current is not None:
            torch.cuda.set_device(current)


@contextlib.contextmanager
def loading_weights(model: str, *, by: str) -> Iterator[None]:
    """Context in which weights are loaded: errors there concern the run, not a video.

    Args:
        model: File, folder or name of the weights.
        by: Component that needs them.

    Raises:
        ModelUnavailable: Instead of any error but a missing package.
    """
    try:
        with same_gpu():
            yield
    except ImportError:
        raise
    except Exception as error:
        raise ModelUnavailable(
            f'{by} cannot open {model!r} ({type(error).__name__}: {error}); download its weights, '
            f'or set the folder that contains them'
        ) from error


def mono(waveform: Waveform, sample_rate: int, *, by: str) -> np.ndarray:
    """The samples, float32 (S,), checked.

    Raises:
        ValueError: Another rate, several channels, or values that are not finite.
    """
    samples, name = np.asarray(waveform.samples), waveform.name or 'a waveform'
    if waveform.sample_rate != sample_rate or samples.ndim != 1:
        raise ValueError(
            f'{by}: expected mono audio at {sample_rate} Hz, got {name} of shape '
            f'{samples.shape} at {waveform.sample_rate} Hz; resample it first'
        )
    if not np.isfinite(samples).all():
        raise ValueError(f'{by}: {name} contains values that are not finite')
    return np.ascontiguousarray(samples, np.float32)
