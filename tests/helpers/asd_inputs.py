"""Inputs of the goldens of active speaker detection: faces whose mouth opens as the voice sounds.

All formulas are integer, so that every machine draws the same bytes.
"""

import math
import zlib
from typing import Any

import numpy as np
import torch
from torch import Tensor

from avis.models.audio_encoders.mfcc import align_rows, mfcc
from tests.helpers.golden import generator

RATE = 16000
_INT16 = 32768
_SIZE = 112
_TONES = ((131, 5), (397, 3), (1213, 2))  # Hz and weight


def mouth(length: int, seed: int) -> np.ndarray:
    """How far a mouth is open in each frame, 0 to 1000: six frames of speech, six of silence."""
    rng = generator(seed)
    speech, silence = rng.integers(200, 1001, length), rng.integers(0, 60, length)
    return np.where((np.arange(length) // 6) % 2 == 0, speech, silence)


def face_clip(opening: np.ndarray, seed: int) -> np.ndarray:
    """Gray faces uint8 (T, 112, 112)."""
    y, x = np.mgrid[0:_SIZE, 0:_SIZE]
    grain = generator(seed).integers(0, 16, (len(opening), _SIZE, _SIZE))
    face = 60 + (7 * x + 3 * y) % 23
    head = 9 * (x - 56) ** 2 + 6 * (y - 56) ** 2 < 9 * 44 * 44
    face = np.where(head, 190 - (3 * y) // 8, face)
    for eye in (38, 74):
        face = np.where((x - eye) ** 2 + 2 * (y - 44) ** 2 < 36, 40, face)
    frames = []
    for value in opening:
        half = 2 + (10 * value) // 1000
        lips = (half * (x - 56)) ** 2 + (16 * (y - 82)) ** 2 < (16 * half) ** 2
        frames.append(np.where(lips, 25, face))
    return np.clip(np.stack(frames) + grain - 8, 0, 255).astype(np.uint8)


def voice(length: int, rate: int, opening: np.ndarray, fps: float, seed: int) -> np.ndarray:
    """A voice int16 (S,) that is as loud as the mouth is open."""
    index, milli_fps = np.arange(length), round(1000 * fps)
    envelope = opening[np.minimum(index * milli_fps // (1000 * rate), len(opening) - 1)]
    saw = sum((2 * ((index * hertz) % rate) - rate) * weight for hertz, weight in _TONES)
    noise = generator(seed).integers(-60, 61, length)
    return (saw * envelope // (2 * rate) + noise).astype(np.int16)


def waveform(samples: np.ndarray) -> Tensor:
    """Integer samples as a waveform in [-1, 1], without rounding."""
    return torch.from_numpy(samples.astype(np.float64) / _INT16)


def tracks(case: dict[str, Any]) -> tuple[np.ndarray, list[np.ndarray]]:
    """The faces uint8 (B, T, 112, 112) and the audio int16 of a case of the networks."""
    faces, audio = [], []
    for clip in range(case['B']):
        seed = case['seed'] + 3 * clip
        opening = mouth(case['T'], seed)
        faces.append(face_clip(opening, seed + 1))
        audio.append(voice(case['samples'], RATE, opening, case['fps'], seed + 2))
    return np.stack(faces), audio


def network_inputs(case: dict[str, Any]) -> dict[str, Tensor]:
    """The inputs of a model: ``faces`` and ``audio``, MFCCs."""
    if case['kind'] == 'random':
        rng, (clips, length) = generator(case['seed']), (case['B'], case['T'])
        rows = rng.normal(0, 10, (clips, 4 * length, 13))
        faces = rng.integers(0, 256, (clips, length, _SIZE, _SIZE))
        return {'faces': torch.from_numpy(faces).float(), 'audio': torch.from_numpy(rows).float()}
    faces, audio = tracks(case)
    check_bytes(faces, case['faces_crc32'])
    check_bytes(np.concatenate(audio), case['sound_crc32'])
    rows = [align_rows(mfcc(waveform(s), fps=case['fps']), case['T']) for s in audio]
    return {'faces': torch.from_numpy(faces).float(), 'audio': torch.stack(rows)}


def check_bytes(values: np.ndarray, crc32: int) -> None:
    """Assert that drawn inputs are those of the golden."""
    assert zlib.crc32(np.ascontiguousarray(values).tobytes()) == crc32


def mfcc_input(case: dict[str, Any]) -> np.ndarray:
    """The audio int16 of a case of the MFCCs."""
    kind, length, rate = case['kind'], case['samples'], case['rate']
    if kind == 'noise':
        return generator(case['seed']).integers(-20000, 20001, length).astype(np.int16)
    if kind == 'voice':
        opening = mouth(math.ceil(length / rate * 25) + 1, case['seed'])
        return voice(length, rate, opening, 25, case['seed'] + 2)
    samples = np.zeros(length, np.int16)
    if kind == 'click':
        samples[length // 3], samples[2 * length // 3] = 32767, -32768
    return samples
