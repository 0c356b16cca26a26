"""What the parts of AVTracker share when they open their libraries, weights and sound."""

import importlib
from types import ModuleType

import numpy as np

from avis.models.agents.contract import Waveform


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
    """The device asked for, else the current GPU, else the CPU."""
    import torch

    return device or ('cuda' if torch.cuda.is_available() else 'cpu')


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
