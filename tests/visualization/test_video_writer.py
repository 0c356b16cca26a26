from pathlib import Path

import av
import numpy as np
import pytest

from avis.visualization.video_writer import write_clip


@pytest.mark.parametrize(('fps', 'repeat'), [(1.0, 24), (2.5, 10), (30.0, 1)])
def test_frames_are_shown_for_their_duration(tmp_path: Path, fps: float, repeat: int) -> None:
    levels = (0, 100, 200)
    frames = np.stack([np.full((32, 32, 3), level, np.uint8) for level in levels])
    audio = np.sin(np.arange(int(3 / fps * 16000)) / 5).astype(np.float32)
    write_clip(tmp_path / 'clip.mp4', frames, fps=fps, audio=audio)
    with av.open(str(tmp_path / 'clip.mp4')) as container:
        shown = list(container.decode(video=0))
        assert container.streams.audio[0].duration * container.streams.audio[
            0
        ].time_base == pytest.approx(3 / fps, abs=0.07)
    assert len(shown) == 3 * repeat
    for frame in shown:
        level = levels[int(frame.time * fps + 1e-6)]
        assert frame.to_ndarray(format='rgb24').mean() == pytest.approx(level, abs=3)
