"""Write single files reproducibly: the same input produces the same bytes."""

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
from scipy.io import wavfile

from avis.synthetic.canvas import Array

# Fast, and smaller than the default for flat drawings.
_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 92]


def save_flat_png(path: Path, image: Array) -> None:
    """Write (H, W) gray or (H, W, 3) RGB uint8."""
    _save_image(path, image, '.png', _PNG)


def save_jpeg(path: Path, image: Array) -> None:
    """Write (H, W, 3) RGB uint8."""
    _save_image(path, image, '.jpg', _JPEG)


def _save_image(path: Path, image: Array, suffix: str, options: list[int]) -> None:
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(suffix, image, options)
    path.write_bytes(data.tobytes())


def save_wav(path: Path, samples: Array, rate: int) -> None:
    """Write (S,) or (S, channels) int16."""
    wavfile.write(path, rate, samples)


def save_json(path: Path, content: Any) -> None:
    """Write JSON on one line, keys in the given order."""
    path.write_text(json.dumps(content) + '\n')


def save_csv(path: Path, header: list[str], rows: Iterable[list[str]]) -> None:
    """Write a table with a header line."""
    with path.open('w', newline='') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(header)
        writer.writerows(rows)
