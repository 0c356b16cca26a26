"""Fingerprints of frames and audio that stay similar under compression and small changes.

Frames have the perceptual hash of the library imagehash. Audio has 32 bits per step: the signs of
the differences of band energies in time and frequency. Source: Haitsma and Kalker, *A Highly Robust
Audio Fingerprinting System*, ISMIR 2002; here with 32 steps per second instead of 86.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.utils.optional import require

AUDIO_RATE = 8000
STEPS_PER_SECOND = 32
_WINDOW = 2960  # samples: 0.37 s, as published
_LOWEST, _HIGHEST, _BANDS = 300.0, 2000.0, 33  # Hz
_QUIET = 1e-4  # root of the mean square of a step whose bits are noise
_FLAT = 4.0  # gray levels; frames with a smaller standard deviation all look alike
_FRAME_BITS = 6  # of 64 that frames of one scene may differ
_SHARE_OF_FRAMES = 0.5  # that must agree
_ERROR_RATE = 0.35  # of bits, as published
_FEWEST_STEPS = 64  # 2 s
_FEWEST_HITS = 3  # equal steps at one offset, before bits are compared
_MOST_PLACES = 200  # of equal bits, as of a constant tone, which say little

_BITS_OF_OCTET = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1)

AudioPrint = tuple[NDArray[np.uint32], NDArray[np.bool_]]
"""Bits (N,) of each step, and which steps are loud enough to count."""


def hash_frames(frames: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Compute the perceptual hash of frames (T, H, W, 3); frames of one color have none.

    Returns:
        Shape (N,), N <= T.

    Raises:
        ImportError: imagehash is missing; the message says how to install it.
    """
    imagehash = require(
        'imagehash', by='The search for duplicates', install="pip install 'avis[report]'"
    )
    from PIL import Image

    hashes = [
        int(str(imagehash.phash(Image.fromarray(frame))), 16)
        for frame in frames
        if frame.std() >= _FLAT
    ]
    return np.array(hashes, np.uint64)


def hash_audio(samples: NDArray[np.float32]) -> AudioPrint:
    """Compute the fingerprint of mono audio (S,) at :data:`AUDIO_RATE`."""
    hop = AUDIO_RATE // STEPS_PER_SECOND
    if len(samples) < _WINDOW:
        return np.zeros(0, np.uint32), np.zeros(0, bool)
    starts = np.arange(0, len(samples) - _WINDOW + 1, hop)
    windows = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)
    parts = [
        _band_energies(windows[part]) for part in np.array_split(starts, len(starts) // 512 + 1)
    ]
    energy, level = (np.concatenate(found) for found in zip(*parts, strict=True))
    between_bands = energy[:, :-1] - energy[:, 1:]
    bits = between_bands[1:] > between_bands[:-1]  # (N - 1, 32)
    values = np.packbits(bits, axis=1).view('>u4')[:, 0].astype(np.uint32)
    loud = level >= _QUIET
    return values, loud[1:] & loud[:-1]


def _band_energies(
    windows: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Energy of each band (N, 33) and level (N,) of windows (N, W)."""
    power = np.abs(np.fft.rfft(windows * np.hanning(_WINDOW))) ** 2
    edges = np.geomspace(_LOWEST, _HIGHEST, _BANDS + 1)
    bins = np.searchsorted(np.fft.rfftfreq(_WINDOW, 1 / AUDIO_RATE), edges)
    level: NDArray[np.float64] = np.sqrt((windows.astype(np.float64) ** 2).mean(axis=1))
    return np.add.reduceat(power, bins, axis=1)[:, :_BANDS], level


def similar_frames(
    hashes: Sequence[NDArray[np.uint64]], others: Sequence[NDArray[np.uint64]]
) -> list[tuple[int, int]]:
    """Find pairs of videos of which at least half of the hashed frames agree.

    Args:
        hashes: Hashes of the frames of each video of one split.
        others: The same of another split.

    Returns:
        Pairs of indices.
    """
    video, flat = _flatten(hashes)
    other_video, other_flat = _flatten(others)
    matched: dict[tuple[int, int], set[int]] = {}
    for index, value in enumerate(flat):
        near = _count_bits(other_flat ^ value) <= _FRAME_BITS
        for other in np.unique(other_video[near]).tolist():
            matched.setdefault((int(video[index]), other), set()).add(index)
    return sorted(
        (one, other)
        for (one, other), found in matched.items()
        if len(found) >= _SHARE_OF_FRAMES * min(len(hashes[one]), len(others[other]))
    )


def similar_audio(
    prints: Sequence[AudioPrint], others: Sequence[AudioPrint]
) -> list[tuple[int, int]]:
    """Find pairs of videos that share at least two seconds of audio, at any offset.

    Args:
        prints: Fingerprints of the videos of one split.
        others: The same of another split.

    Returns:
        Pairs of indices.
    """
    places: dict[int, list[tuple[int, int]]] = {}
    for other, (values, loud) in enumerate(others):
        for step in np.flatnonzero(loud).tolist():
            places.setdefault(int(values[step]), []).append((other, step))
    pairs = []
    for index, (values, loud) in enumerate(prints):
        hits: Counter[tuple[int, int]] = Counter()
        for step in np.flatnonzero(loud).tolist():
            equal = places.get(int(values[step]), ())
            if len(equal) <= _MOST_PLACES:
                hits.update((other, other_step - step) for other, other_step in equal)
        found = {
            other
            for (other, offset), count in hits.items()
            if count >= _FEWEST_HITS and _agree(prints[index], others[other], offset)
        }
        pairs += [(index, other) for other in sorted(found)]
    return pairs


def _agree(one: AudioPrint, other: AudioPrint, offset: int) -> bool:
    """Whether the loud steps that overlap have few different bits; step k meets k + ``offset``."""
    first, last = max(-offset, 0), min(len(one[0]), len(other[0]) - offset)
    if last <= first:
        return False
    both = one[1][first:last] & other[1][first + offset : last + offset]
    if both.sum() < _FEWEST_STEPS:
        return False
    different = one[0][first:last] ^ other[0][first + offset : last + offset]
    return bool(_count_bits(different[both]).mean() / 32 <= _ERROR_RATE)


def _count_bits(values: NDArray[Any]) -> NDArray[np.int64]:
    """Number of bits that are 1 in each unsigned integer (N,)."""
    octets = values.view(np.uint8).reshape(len(values), values.itemsize)
    counts: NDArray[np.int64] = _BITS_OF_OCTET[octets].sum(axis=1, dtype=np.int64)
    return counts


def _flatten(hashes: Sequence[NDArray[Any]]) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """The video of each hash, and all hashes."""
    lengths = [len(values) for values in hashes]
    flat = np.concatenate([np.zeros(0, np.uint64), *hashes])
    return np.repeat(np.arange(len(hashes)), lengths), flat
