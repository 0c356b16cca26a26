"""Writing of single files: the same input gives the same bytes."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.io import wavfile

from avis.datasets.synthetic.canvas import Array

# Fast, and smaller than the default for flat drawings.
_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 92]


def write_png(path: Path, image: Array) -> None:
    """Write (H, W) gray or (H, W, 3) RGB uint8."""
    _write_image(path, image, '.png', _PNG)


def write_jpeg(path: Path, image: Array) -> None:
    """Write (H, W, 3) RGB uint8."""
    _write_image(path, image, '.jpg', _JPEG)


def _write_image(path: Path, image: Array, suffix: str, options: list[int]) -> None:
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(suffix, image, options)
    path.write_bytes(data.tobytes())


def to_int16(sound: Array) -> Array:
    """Float sound in [-1, 1] to 16 bits."""
    return np.rint(np.clip(sound, -1, 1) * 32767).astype(np.int16)


def write_wav(path: Path, samples: Array, rate: int) -> None:
    """Write (S,) or (S, channels) int16."""
    wavfile.write(path, rate, samples)


def write_json(path: Path, content: Any) -> None:
    """Write JSON on one line, keys in the given order."""
    path.write_text(json.dumps(content) + '\n')
