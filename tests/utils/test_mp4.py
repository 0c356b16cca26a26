from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from avis.utils import mp4
from avis.utils.mp4 import to_int16, write_mp4

RATE = 16000


def gray_frames(levels: list[int], size: tuple[int, int] = (32, 48)) -> list[np.ndarray]:
    return [np.full((*size, 3), level, np.uint8) for level in levels]


def tone(seconds: float) -> np.ndarray:
    return to_int16(0.5 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * RATE)) / RATE))


def read(path: Path) -> tuple[list[int], list[float], np.ndarray]:
    """Mean gray level and time of each frame, and the decoded audio (S,)."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    with av.open(str(path)) as container:
        audio = [f.to_ndarray()[0] for f in container.decode(audio=0)] if has_audio(path) else []
    levels = [round(float(frame.to_ndarray(format='rgb24').mean())) for frame in frames]
    return levels, [frame.time for frame in frames], np.concatenate([*audio, np.zeros(0)])


def has_audio(path: Path) -> bool:
    with av.open(str(path)) as container:
        return bool(container.streams.audio)


def test_frames_and_audio_are_preserved(tmp_path: Path) -> None:
    path = tmp_path / 'video.mp4'
    audio = tone(4)
    audio[:RATE] = 0  # the tone starts after one second
    write_mp4(path, gray_frames([0, 80, 160, 240]), fps=2, audio=audio, sample_rate=RATE)
    levels, times, decoded = read(path)
    assert np.abs(np.subtract(levels, [0, 80, 160, 240])).max() <= 3
    assert times == [0, 0.5, 1, 1.5]
    # The audio is cut after two seconds of frames; AAC pads less than two blocks.
    assert 2 * RATE <= len(decoded) <= 2 * RATE + 2 * 1024
    loud = np.flatnonzero(np.abs(decoded) > 0.2)[0] / RATE
    assert loud == pytest.approx(1, abs=0.08)
    assert [file.name for file in tmp_path.iterdir()] == ['video.mp4']


def test_audio_may_be_shorter_or_missing(tmp_path: Path) -> None:
    write_mp4(tmp_path / 'short.mp4', gray_frames([9] * 6), fps=2, audio=tone(1), sample_rate=RATE)
    levels, _, decoded = read(tmp_path / 'short.mp4')
    assert len(levels) == 6
    assert RATE <= len(decoded) <= RATE + 2 * 1024
    write_mp4(tmp_path / 'silent.mp4', gray_frames([9] * 6), fps=2)
    assert not has_audio(tmp_path / 'silent.mp4')


def test_fractional_rate_and_odd_size(tmp_path: Path) -> None:
    path = tmp_path / 'video.mp4'
    write_mp4(path, gray_frames([50] * 30, size=(31, 47)), fps=30000 / 1001, audio=tone(1.2))
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        assert video.average_rate == Fraction(30000, 1001)
        assert (video.height, video.width) == (32, 48)
        assert float(container.duration / av.time_base) == pytest.approx(1.001, abs=0.15)


def test_same_input_produces_the_same_bytes(tmp_path: Path) -> None:
    for name in ('a', 'b'):
        write_mp4(tmp_path / name, gray_frames([10, 200]), fps=4, audio=tone(1))
    assert (tmp_path / 'a').read_bytes() == (tmp_path / 'b').read_bytes()


@pytest.mark.parametrize('missing', [{'libx264'}, {'libx264', 'libopenh264'}])
def test_missing_encoders_fall_back_to_another(
    tmp_path: Path, monkeypatch, missing: set[str]
) -> None:
    left = av.codecs_available - missing
    monkeypatch.setattr(mp4.av, 'codecs_available', left)
    write_mp4(tmp_path / 'video.mp4', gray_frames([0, 80, 160]), fps=3)
    levels, times, _ = read(tmp_path / 'video.mp4')
    assert np.abs(np.subtract(levels, [0, 80, 160])).max() <= 6
    assert times == pytest.approx([0, 1 / 3, 2 / 3], abs=1e-3)


def test_failed_write_keeps_the_existing_file(tmp_path: Path) -> None:
    path = tmp_path / 'video.mp4'
    path.write_bytes(b'existing')
    with pytest.raises(
        ValueError, match=r'of one size, got \(16, 16, 3\) at 1, \(32, 48, 3\) at 0'
    ):
        write_mp4(path, gray_frames([0]) + gray_frames([0], size=(16, 16)), fps=1)
    with pytest.raises(ValueError, match='at least one frame'):
        write_mp4(path, [], fps=1)
    assert path.read_bytes() == b'existing'
    assert list(tmp_path.iterdir()) == [path]


def test_audio_is_requested_frame_by_frame(tmp_path: Path) -> None:
    time = np.arange(2 * RATE) / RATE
    audio = to_int16(0.5 * np.sin(2 * np.pi * 300 * time))
    asked = []

    def read(start: int, end: int) -> np.ndarray:
        asked.append((start, end))
        return audio[start:end]

    frames = [0, 80, 160, 240]
    write_mp4(tmp_path / 'a.mp4', gray_frames(frames), fps=2, audio=audio, sample_rate=RATE)
    write_mp4(tmp_path / 'b.mp4', gray_frames(frames), fps=2, audio=read, sample_rate=RATE)
    assert asked == [(k * RATE // 2, (k + 1) * RATE // 2) for k in range(4)]
    assert (tmp_path / 'a.mp4').read_bytes() == (tmp_path / 'b.mp4').read_bytes()
