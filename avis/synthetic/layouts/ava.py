"""AVA-ActiveSpeaker: videos, one csv per video, and the crops and audio of each face track."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from avis.structures.intervals import true_intervals
from avis.synthetic.canvas import Array
from avis.synthetic.casting import Job
from avis.synthetic.layouts.naming import platform_id
from avis.synthetic.recipe import Recipe
from avis.synthetic.scene import Actor, Stage
from avis.synthetic.writing import save_jpeg, save_wav
from avis.utils.ava_csv import SPEECH_LABELS, write_face_rows
from avis.utils.mp4 import to_int16, write_mp4

_SAMPLE_RATE = 16000
_MIN_SHARE = 0.4  # of its box that a face must be visible in
_MIN_SECONDS = 0.3  # of a track
_MIN_SIDE = 8  # pixels of a face

# Frame -> box in pixels.
_Track = dict[int, tuple[int, int, int, int]]


def ava_name(job: Job) -> str:
    """Eleven characters, as published code takes the first eleven of an entity for the video."""
    return platform_id(job)


def write_ava_video(root: Path, job: Job, stage: Stage) -> str:
    """Write one video with its csv, crops and audio; returns its name."""
    name = ava_name(job)
    boxes: list[dict[int, tuple[int, int, int, int]]] = [{} for _ in stage.scene.actors]
    crops: list[dict[int, Array]] = [{} for _ in stage.scene.actors]
    audio = to_int16(stage.audio(_SAMPLE_RATE))
    video = root / 'videos' / 'trainval' / f'{name}.mp4'
    video.parent.mkdir(parents=True, exist_ok=True)
    images = _draw(job, stage, boxes, crops)
    write_mp4(video, images, fps=job.fps, audio=audio, sample_rate=_SAMPLE_RATE)
    rows: list[list[object]] = []
    entities = 0
    for number, actor in enumerate(stage.scene.actors):
        for frames in _runs(boxes[number], job):
            entity = f'{name}_0000_0060:{entities}'
            entities += 1
            folder = root / 'clips_videos' / job.split / name / entity
            folder.mkdir(parents=True)
            for frame in frames:
                save_jpeg(folder / f'{frame / job.fps:.2f}.jpg', crops[number][frame])
            rows += _rows(name, entity, frames, boxes[number], actor, stage, job)
            wav = root / 'clips_audios' / job.split / name / f'{entity}.wav'
            wav.parent.mkdir(parents=True, exist_ok=True)
            # Published preprocessing ends at the time of the last frame, not after it.
            start, end = (round(t / job.fps * _SAMPLE_RATE) for t in (frames[0], frames[-1]))
            save_wav(wav, audio[start:end], _SAMPLE_RATE)
    csv = root / 'csv' / job.split / f'{name}-activespeaker.csv'
    csv.parent.mkdir(parents=True, exist_ok=True)
    write_face_rows(csv, rows)
    return name


def write_ava_index(root: Path, recipe: Recipe, entries: list[str]) -> None:
    """Nothing: each video has its own csv."""


def _draw(
    job: Job, stage: Stage, boxes: list[_Track], crops: list[dict[int, Array]]
) -> Iterator[Array]:
    """The frames of a video; collects the boxes and crops of its visible faces."""
    for frame in range(job.seconds * job.fps):
        time = frame / job.fps
        image, owner = stage.draw(time)
        for number, actor in enumerate(stage.scene.actors):
            box = _visible_box(stage, number, time, owner) if actor.visible else None
            if box is not None:
                x1, y1, x2, y2 = boxes[number][frame] = box
                crops[number][frame] = image[y1:y2, x1:x2]
        yield image


def _visible_box(
    stage: Stage, number: int, time: float, owner: Array
) -> tuple[int, int, int, int] | None:
    """The box of a face inside the frame; None where it is hidden or outside."""
    height, width = owner.shape
    x1, y1, x2, y2 = np.rint(stage.head_box(number, time)).astype(int).tolist()
    area = (x2 - x1) * (y2 - y1)
    x1, y1, x2, y2 = max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)
    if min(x2 - x1, y2 - y1) < _MIN_SIDE:
        return None
    share = np.count_nonzero(owner[y1:y2, x1:x2] == number + 1) / area
    return (x1, y1, x2, y2) if share >= _MIN_SHARE else None


def _runs(track: _Track, job: Job) -> list[list[int]]:
    """The frames of each time that a face is visible without interruption."""
    flags = [frame in track for frame in range(job.seconds * job.fps)]
    runs = [list(range(start, stop)) for start, stop in true_intervals(flags)]
    return [run for run in runs if len(run) >= _MIN_SECONDS * job.fps]


def _rows(
    name: str, entity: str, frames: list[int], boxes: _Track, actor: Actor, stage: Stage, job: Job
) -> list[list[object]]:
    height, width = stage.scene.height, stage.scene.width
    rows: list[list[object]] = []
    for frame in frames:
        time = frame / job.fps
        x1, y1, x2, y2 = boxes[frame]
        # Readers truncate to whole pixels: half a pixel keeps them right after rounding.
        corners = np.minimum(np.array([x1, y1, x2, y2]) + 0.5, (width, height, width, height))
        corners /= (width, height, width, height)
        label = SPEECH_LABELS[_label(actor, time)]
        rows.append([name, f'{time:.2f}', *(f'{v:.6f}' for v in corners), label, entity])
    return rows


def _label(actor: Actor, time: float) -> int:
    """Index of the label: in a turn a person speaks audibly, in a silent gesture inaudibly."""
    if any(start <= time < end for start, end in actor.turns):
        return 1
    return 2 if any(start <= time < end for start, end in actor.gestures) else 0
