"""Copies are found after compression, at another volume, size and offset; others are not."""

import cv2
import numpy as np
import pytest

from avis.datasets.fingerprints import (
    AUDIO_RATE,
    hash_audio,
    hash_frames,
    similar_audio,
    similar_frames,
)
from avis.datasets.readers.audio import read_audio
from avis.datasets.readers.video import read_video_frames
from avis.utils.mp4 import to_int16, write_mp4

SECONDS = 6


def scene(seed: int) -> np.ndarray:
    """Frames of different blobs, (T, H, W, 3)."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (SECONDS, 5, 7, 3), np.uint8)
    return np.stack([cv2.resize(image, (112, 80)) for image in coarse])


def melody(seed: int) -> np.ndarray:
    """A tone every quarter of a second, with some noise."""
    rng = np.random.default_rng(seed)
    pitches = np.repeat(rng.uniform(300, 1800, 4 * SECONDS), AUDIO_RATE // 4)
    noise = 0.02 * rng.standard_normal(len(pitches))
    wave = 0.4 * np.sin(np.cumsum(2 * np.pi * pitches / AUDIO_RATE)) + noise
    return wave.astype(np.float32)


@pytest.fixture(scope='module')
def copy(tmp_path_factory):
    """A copy of scene and melody 1: smaller, compressed and half as loud."""
    path = tmp_path_factory.mktemp('copy') / 'copy.mp4'
    frames = [cv2.resize(image, (84, 60)) for image in scene(1)]
    write_mp4(path, frames, fps=1, audio=to_int16(0.5 * melody(1)), sample_rate=AUDIO_RATE)
    return path


def test_copied_frames_are_found(copy) -> None:
    hashes = [hash_frames(scene(seed)) for seed in range(3)]
    copied = hash_frames(read_video_frames(copy, range(SECONDS)))
    assert similar_frames([copied], hashes) == [(0, 1)]
    assert similar_frames([copied[:3]], hashes) == [(0, 1)]


def test_copied_audio_is_found_at_another_offset(copy) -> None:
    prints = [hash_audio(melody(seed)) for seed in range(3)]
    audio = read_audio(copy, sample_rate=AUDIO_RATE)
    assert similar_audio([hash_audio(audio[12345:])], prints) == [(0, 1)]
    assert similar_audio([hash_audio(audio[: AUDIO_RATE * 2])], prints) == []  # too short


def test_black_frames_and_silence_equal_nothing() -> None:
    black = [hash_frames(np.zeros((3, 32, 32, 3), np.uint8))]
    assert len(black[0]) == 0
    assert similar_frames(black, black) == []
    silence = [hash_audio(np.zeros(AUDIO_RATE * SECONDS, np.float32))]
    assert similar_audio(silence, silence) == []
    assert len(hash_audio(np.zeros(10, np.float32))[0]) == 0
