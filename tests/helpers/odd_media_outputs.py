"""Write all outputs of a file of :mod:`tests.helpers.odd_media`, and find flash and beep there.

The model is AVTracker with parts that know these files: it recognizes beeps, and tracks the red
corner, which is the only person and therefore the speaker.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from numpy.typing import NDArray
from scipy.ndimage import binary_closing

from avis.apis import predict_video, video_record
from avis.apis.batch_inference import write_outputs
from avis.apis.inference_options import InferenceOptions
from avis.apis.video_results import to_video_result
from avis.avtracker import AVTracker, MouthMotionGrounding, ObjectIdentity, SpeechStage
from avis.avtracker.interfaces import SpeechSegment
from avis.datasets.transforms.whole_video import OpenVideo, PackVideo
from avis.structures.intervals import true_intervals
from avis.structures.masks import encode_mask
from avis.structures.media import NO_DETECTIONS, FrameDetections, FrameSource, Waveform
from avis.visualization.annotated_video import display_size
from avis.visualization.record_media import pixel_aspect
from tests.helpers.odd_media import (
    CORNERS,
    FPS,
    LASTING,
    RATE,
    OddFile,
    beep_starts,
    is_white,
    loud_blocks,
    wrong_corners,
)
from tests.helpers.odd_media_checks import read_images, read_samples

_BLUR = 0.03  # s by which encoders of audio blur the start and the end of a beep
_Times = list[tuple[float, float]]


@dataclass(frozen=True)
class Outputs:
    """What the outputs of one file show.

    Attributes:
        interval: Seconds between two frames of the result.
        flashes: Starts and ends of the flashes in the annotated video.
        beeps: Starts of the beeps in the annotated video.
        speech: Starts and ends in ``speakers.csv``.
        problems: What is not upright, one line each.
    """

    interval: float
    flashes: _Times
    beeps: list[float]
    speech: _Times
    problems: list[str]

    def differences(self, spec: OddFile) -> dict[str, float]:
        """Largest difference from the true times in s, by output; inf if events are missing."""
        audible = spec.events if spec.audio else []
        seen = {
            'flashes': (self.flashes, [(start, start + LASTING) for start in spec.events]),
            'beeps': ([beep - spec.delay for beep in self.beeps], audible),
            'speakers.csv': (
                [(start - spec.delay, end - spec.delay) for start, end in self.speech],
                [(start, start + LASTING) for start in audible],
            ),
        }
        return {name: _apart(found, right) for name, (found, right) in seen.items()}

    def wrong(self, spec: OddFile) -> list[str]:
        """What differs by more than a frame, and what is not upright; one line each."""
        most = max(self.interval, 1 / float(spec.fps)) + _BLUR
        late = {name: value for name, value in self.differences(spec).items() if value > most}
        return [f'{name}: {value:.3f} s apart' for name, value in late.items()] + self.problems


def _apart(found: Any, right: Any) -> float:
    """Largest difference of two lists of times."""
    if len(found) != len(right):
        return float('inf')
    return float(np.abs(np.subtract(found, right)).max()) if found else 0.0


def write_and_find(path: Path, folder: Path) -> Outputs:
    """Predict a file at its own frame rate, write all outputs, and read them without avis.

    Slides, whose frame rate is so low that no frame may show a flash, are read at ``FPS``.

    Args:
        path: The file.
        folder: Where the outputs are written.
    """
    model: Any = AVTracker(
        speech=SpeechStage(recognizer=BeepRecognizer()),
        instance_tracker=CornerTracker(),
        grounding=MouthMotionGrounding(),
        identity=ObjectIdentity(),
        on_error='raise',
    )
    pipeline = [{'type': OpenVideo}, {'type': PackVideo}]
    model.cfg = Config({'test_dataloader': {'dataset': {'pipeline': pipeline}}})
    record = video_record(path)
    if 1 / record['fps'] > LASTING:
        record = video_record(path, fps=FPS)
    result = to_video_result(record, predict_video(model, record))
    write_outputs(folder, record, result, InferenceOptions())
    height = display_size(result.height, result.width, pixel_aspect(record))[0]
    images = list(read_images(folder / 'video.mp4', height))
    white = is_white(np.stack([image for _, image in images]))
    times = [time for time, _ in images]
    rows = _rows(folder / 'speakers.csv')
    return Outputs(
        interval=1 / result.fps,
        flashes=[(times[start], times[stop]) for start, stop in true_intervals(white)],
        beeps=beep_starts(read_samples(folder / 'video.mp4')),
        speech=[(float(row['start']), float(row['end'])) for row in rows],
        problems=[
            *wrong_corners(images[len(images) // 2][1]),
            *_wrong_boxes(folder / 'boxes.csv', result.height, result.width),
        ],
    )


class BeepRecognizer:
    """Recognizes each beep as speech."""

    sample_rate = RATE
    has_words = False

    def transcribe(self, waveform: Waveform) -> list[SpeechSegment]:
        """See :class:`~avis.avtracker.interfaces.SpeechRecognizer`."""
        loud, rate = loud_blocks(waveform.samples)
        whole = binary_closing(loud, np.ones(rate // 10))  # without the gaps of damaged packets
        spans = [(start / rate, stop / rate) for start, stop in true_intervals(whole)]
        return [SpeechSegment('', span) for span in spans if span[1] - span[0] > LASTING / 2]


class CornerTracker:
    """Tracks the red corner."""

    def track(self, frames: FrameSource, *, prompt: str) -> Iterator[tuple[int, FrameDetections]]:
        """See :class:`~avis.avtracker.interfaces.InstanceTracker`."""
        for index in range(len(frames)):
            mask = np.abs(frames[index].astype(int) - CORNERS['top left']).max(axis=-1) < 110
            yield index, _detection(mask) if mask.any() else NO_DETECTIONS


def _detection(mask: NDArray[np.bool_]) -> FrameDetections:
    y, x = np.nonzero(mask)
    box = np.array([[x.min(), y.min(), x.max() + 1, y.max() + 1]], np.float32)
    return FrameDetections(np.ones(1, np.int64), np.ones(1, np.float32), box, [encode_mask(mask)])


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline='') as file:
        return list(csv.DictReader(file))


def _wrong_boxes(path: Path, height: int, width: int) -> list[str]:
    """Whether the person of ``boxes.csv`` is at the upper left, in most frames."""
    boxes = [[int(row[key]) for key in ('x', 'y', 'width', 'height')] for row in _rows(path)]
    x, y, wide, high = np.median(boxes, axis=0).tolist() if boxes else (0, 0, 0, 0)
    inside = x <= 2 and y <= 2 and wide < width / 2 and high < height / 2
    return [] if inside or not boxes else [f'boxes.csv: the corner is at {x, y, wide, high}']
