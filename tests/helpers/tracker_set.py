"""A tiny set of videos with colored people, and parts of AVTracker that know its plan.

In each video a red and a green square stand side by side; the plan says who speaks when. Each part
notes its calls in a file, so that tests can count work over several processes.
"""

import json
import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import soundfile
from mmengine.dataset import pseudo_collate

from avis.avtracker.asr.speech_stage import SpeechStage
from avis.avtracker.grounding.vlm_grounding import VLMGrounding
from avis.avtracker.identity.vlm_identity import VLMIdentity
from avis.avtracker.interfaces import Message, ModelUnavailable, Reply, SpeechSegment
from avis.avtracker.model import AVTracker
from avis.datasets.av_dataset import AVDataset
from avis.datasets.transforms.whole_video import OpenVideo, PackVideo
from avis.structures.masks import encode_mask
from avis.structures.media import FrameDetections, FrameSource, Waveform

HEIGHT, WIDTH, FPS = 24, 48, 2.0
COLORS = {'red': (255, 0, 0), 'green': (0, 255, 0)}
BOXES = {'red': (4, 4, 16, 20), 'green': (28, 4, 40, 20)}
PLAN: dict[str, list[tuple[str, float, float]]] = {
    'first': [('red', 0.0, 2.0), ('green', 2.5, 4.0), ('red', 4.5, 6.0)],
    'second': [('green', 0.5, 3.0), ('red', 3.0, 6.0)],
    'third': [],
    'v.4': [('green', 1.0, 2.0), ('green', 5.0, 6.0), ('red', 6.5, 7.5), ('green', 8.0, 9.5)],
}
SECONDS = {'first': 6.0, 'second': 6.0, 'third': 3.0, 'v.4': 10.0}


def write_set(root: Path) -> Path:
    """Frames and sound of every video."""
    for name, seconds in SECONDS.items():
        for number in range(round(seconds * FPS)):
            image = np.full((HEIGHT, WIDTH, 3), number, np.uint8)
            for color, (left, top, right, bottom) in BOXES.items():
                image[top:bottom, left:right] = COLORS[color]
            path = root / 'frames' / name / f'{number:03d}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), image[..., ::-1])
        audio = np.sin(np.arange(round(16000 * seconds)) / 20) / 4
        (root / 'sound').mkdir(exist_ok=True)
        soundfile.write(root / 'sound' / f'{name}.wav', audio, 16000)
    return root


class ColoredVideos(AVDataset):
    """The set as a data set of whole videos."""

    def __init__(self, *, data_root: str, pipeline: Any = None) -> None:
        pipeline = pipeline or [OpenVideo(), PackVideo()]
        super().__init__(split='test', data_root=data_root, ann_file='', pipeline=pipeline)

    def load_data_list(self) -> list[dict[str, Any]]:
        """One record per folder of frames."""
        return [
            {
                'video_id': name,
                'video_name': name,
                'frames': sorted(map(str, (Path(self.data_root) / 'frames' / name).glob('*.png'))),
                'audio': str(Path(self.data_root) / 'sound' / f'{name}.wav'),
                'fps': FPS,
                'length': round(SECONDS[name] * FPS),
                'height': HEIGHT,
                'width': WIDTH,
            }
            for name in PLAN
        ]

    def batch(self, *names: str) -> dict[str, Any]:
        """What a data loader gives of these videos."""
        order = list(PLAN)
        return dict(pseudo_collate([self[order.index(name)] for name in names]))


class Calls:
    """Notes of work in a file; ends the process where a test wants it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def note(self, what: str) -> None:
        """Note a piece of work before it is done."""
        with self.path.open('a') as file:
            file.write(f'{what}\n')
        if os.environ.get('KILL_AT') == what:
            os.kill(os.getpid(), signal.SIGKILL)

    def read(self) -> list[str]:
        """All notes."""
        return self.path.read_text().splitlines() if self.path.exists() else []


class PlannedSpeech:
    sample_rate = 16000
    has_words = True

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def transcribe(self, waveform: Waveform) -> list[SpeechSegment]:
        """The plan, with the color of the speaker in the words."""
        self._calls.note(f'speech {waveform.name}')
        return [
            SpeechSegment(f' I am the {color} one.', (start, end))
            for color, start, end in PLAN[waveform.name]
        ]


class ColorTracker:
    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def track(self, frames: FrameSource, *, prompt: str) -> Iterable[tuple[int, FrameDetections]]:
        """Finds both squares by their colors."""
        for number in range(len(frames)):
            self._calls.note(f'vision {frames.name} {number}')
            masks = [(frames[number] == color).all(axis=-1) for color in COLORS.values()]
            yield (
                number,
                FrameDetections(
                    ids=np.arange(2),
                    scores=np.ones(2, np.float32),
                    boxes=np.array(list(BOXES.values()), np.float32),
                    masks=[encode_mask(mask) for mask in masks],
                ),
            )


class ColorModel:
    """Believes what is said; outlines tell it who is who. Ends after ``lives`` replies."""

    def __init__(self, calls: Calls, lives: int = 1000) -> None:
        self._calls, self._lives = calls, lives

    def chat(self, messages: Iterable[Message]) -> Iterator[Reply]:
        """Answers one message after the other."""
        for message in messages:
            if self._lives == 0:
                raise ModelUnavailable('the endpoint is gone')
            self._lives -= 1
            self._calls.note(message.name)
            yield Reply(answer_to(message))


def answer_to(message: Message) -> str:
    """What somebody says who believes what is said and sees the outlines."""
    return _local(message) if '/local/' in message.name else _global(message)


def _local(message: Message) -> str:
    color = 'red' if 'red' in str(message.parts[1]) else 'green'
    left, top, right, bottom = BOXES[color]
    box = [1000 * left / WIDTH, 1000 * top / HEIGHT, 1000 * right / WIDTH, 1000 * bottom / HEIGHT]
    return json.dumps({'rationale': f'it is {color}', 'boxes': [box] * (len(message.parts) - 2)})


def _global(message: Message) -> str:
    persons: dict[str, list[int]] = {}
    for position, image in enumerate(message.parts[1:]):
        outlined = (np.asarray(image)[3] == (255, 0, 0)).all(axis=-1)  # the row above both
        name = 'left' if outlined[: WIDTH // 2].any() else 'right'
        persons.setdefault(name, []).append(position)
    return json.dumps({'rationale': 'by the outline', 'persons': persons})


def tracker_in(*, folder: str) -> AVTracker:
    """The same for a config, with everything below one folder."""
    calls = Calls(Path(folder) / f'calls_{os.environ.get("RANK", 0)}.txt')
    return make_tracker(calls, cache_dir=f'{folder}/stages', record_dir=f'{folder}/records')


def make_tracker(
    calls: Calls, *, lives: int = 1000, speech: Any = None, identity: Any = None, **settings: Any
):
    """The model over these parts."""
    model = ColorModel(calls, lives)
    return AVTracker(
        speech=SpeechStage(recognizer=PlannedSpeech(calls)) if speech is None else speech,
        instance_tracker=ColorTracker(calls),
        grounding=VLMGrounding(model=model),
        identity=VLMIdentity(model=model) if identity is None else identity,
        **settings,
    )
