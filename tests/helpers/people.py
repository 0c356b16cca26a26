"""Images and audio of synthetic people, made by the generator of the project."""

from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

import cv2
import numpy as np
import soundfile

from avis.structures.media import Waveform
from avis.synthetic.casting import plan_jobs
from avis.synthetic.generator import make_dataset, make_stage
from avis.synthetic.recipe import Recipe


class Frames:
    """A frame source over arrays (T, H, W, 3) that records which frames are read."""

    def __init__(self, images, *, name='video', fps=1.0):
        self.images, self.name, self.fps = np.asarray(images), name, fps
        self.size = self.images.shape[1:3]
        self.read = []

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        self.read.append(index)
        return self.images[index]


def noise_frames(count, *, size=(48, 72), **kwargs):
    """A video of noise."""
    rng = np.random.default_rng(0)
    return Frames(rng.integers(0, 255, (count, *size, 3), np.uint8), **kwargs)


@lru_cache(maxsize=1)
def avtrack_root() -> Path:
    """Two videos of 20 seconds at 1 fps with two people each, in AVTrack's layout."""
    root = Path(mkdtemp(prefix='avis-people-')) / 'set'
    make_dataset(layout='avtrack', out=root, videos=2, people_only=True)
    return root


def talk(number: int):
    """One of the two videos: frames, audio at 16 kHz, and masks of speakers {person: (T, H, W)}."""
    import librosa

    root = avtrack_root()
    name = sorted(folder.name for folder in (root / 'Images').iterdir())[number]
    files = sorted((root / 'Images' / name).iterdir())
    images = np.stack([cv2.imread(str(file))[..., ::-1] for file in files])
    samples, rate = soundfile.read(root / 'Audios' / f'{name}.wav', dtype='float32')
    samples = samples.mean(axis=1) if samples.ndim == 2 else samples
    samples = librosa.resample(samples, orig_sr=rate, target_sr=16000)
    people = {}
    for folder in sorted((root / 'Instance_Masks' / name).iterdir()):
        masks = np.zeros(images.shape[:3], bool)
        for file in folder.iterdir():
            masks[int(file.stem.split('_')[1])] = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) > 0
        people[folder.name] = masks
    return Frames(images, name=name), Waveform(samples, 16000, name), people


def crowd(second: float):
    """A JPEG image of people who occlude each other, and their ids (H, W): 1, 2, ... or 0."""
    challenges = {'multiple_instances': 0.5}
    recipe = Recipe(layout='avtrack', seed=1, challenges=challenges, people_only=True)
    image, owner = make_stage(recipe, plan_jobs(recipe)[4]).draw(second + 0.5)
    _, data = cv2.imencode('.jpg', image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1].copy(), owner
