"""Raw videos without loss: what a preparation cuts out of them is known to the last bit."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from avis.synthetic.casting import plan_jobs
from avis.synthetic.generator import _WRITERS, make_stage
from avis.synthetic.recipe import Recipe
from avis.utils.mp4 import to_int16


def write_lossless(
    path: Path, frames: Iterable[np.ndarray], audio: np.ndarray | None, *, fps: int, rate: int
) -> Path:
    """Write frames (H, W, 3) and samples, int16 (S,) or (S, 2), to an mp4 as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w', format='mp4') as container:
        options = {'qp': '0', 'preset': 'ultrafast'}
        video = container.add_stream('libx264rgb', rate=fps, options=options)
        if audio is not None:
            layout = 'mono' if audio.ndim == 1 else 'stereo'
            stream = container.add_stream('alac', rate=rate, layout=layout)
        for index, image in enumerate(frames):
            if index == 0:
                video.height, video.width = image.shape[:2]
                video.pix_fmt = 'rgb24'
            frame = av.VideoFrame.from_ndarray(image, format='rgb24')
            frame.pts, frame.time_base = index, Fraction(1, fps)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            planes = np.ascontiguousarray(audio.reshape(len(audio), -1).T)
            samples = av.AudioFrame.from_ndarray(planes, format='s16p', layout=layout)
            samples.sample_rate, samples.pts, samples.time_base = rate, 0, Fraction(1, rate)
            container.mux(stream.encode(samples))
            container.mux(stream.encode(None))
    return path


def write_raw_videos(
    folder: Path, *, layout: str, fps: int, rate: int = 16000, channels: int = 1, **options: Any
) -> None:
    """Write the videos of a synthetic data set, named as its clips."""
    for job in plan_jobs(Recipe(layout=layout, **options)):
        stage = make_stage(Recipe(layout=layout, **options), job)
        audio = to_int16(stage.audio(rate, channels) if channels > 1 else stage.audio(rate))
        images = (stage.draw(index / fps)[0] for index in range(job.seconds * fps))
        path = folder / f'{_WRITERS[layout].name(job)}.mp4'
        write_lossless(path, images, audio, fps=fps, rate=rate)


def numbered_frames(count: int, size: tuple[int, int] = (16, 16)) -> list[np.ndarray]:
    """Images whose gray level is their index."""
    return [np.full((*size, 3), index, np.uint8) for index in range(count)]


def ramp(seconds: float, rate: int = 16000) -> np.ndarray:
    """Samples that tell their position, int16."""
    return (np.arange(round(seconds * rate)) % 20011 - 10000).astype(np.int16)


def content_of(folder: Path) -> dict[str, bytes]:
    """The bytes of all files but the report of a preparation, by their relative path."""
    files = (path for path in folder.rglob('*') if path.is_file())
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in files
        if path.name != 'preparation_report.json'
    }
