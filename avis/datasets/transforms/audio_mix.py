"""Audio of an image with several sources: a file per source, mixed in mono or stereo."""

from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from numpy.typing import NDArray

from avis.datasets.readers.audio import audio_info, read_audio
from avis.datasets.readers.errors import broken_data_error
from avis.datasets.transforms.clip import clip_name, refuse_loaded
from avis.registry import TRANSFORMS
from avis.structures.media_time import num_samples


@TRANSFORMS.register_module()
class LoadMixedAudio(BaseTransform):
    """Read the middle of the audio file of each source, and add them.

    As many seconds are read as the clip lasts; a shorter file is repeated. Reads
    ``audio_sources``, ``length``, ``fps`` and, if the clip is flipped already, ``flip``. Writes
    ``audio``, the sum as float32 (S,), and ``sample_rate``; in stereo (2, S), left and right, and
    ``stereo``, by which :class:`~avis.datasets.transforms.geometry.RandomFlip` swaps them.

    Source: data of VPO as the authors' code reads it (cyh-0/CAVP).

    Args:
        sample_rate: Samples per second.
        stereo: A source at position p, from 0 (left) to 1 (right), has the weights 1 - p and p.
    """

    def __init__(self, *, sample_rate: int = 16000, stereo: bool = False) -> None:
        self.sample_rate = sample_rate
        self.stereo = stereo

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        refuse_loaded(results, 'audio', 'LoadMixedAudio')
        sources = results.get('audio_sources')
        if not sources:
            raise ValueError(
                f'{clip_name(results)}: LoadMixedAudio expected audio_sources, got none; use '
                f'LoadAudio for a clip with one audio file'
            )
        count = num_samples(results['length'], results['fps'], self.sample_rate)
        waves = np.stack([read_middle(s['audio'], count, self.sample_rate) for s in sources])
        if not self.stereo:
            return {**results, 'audio': waves.sum(axis=0), 'sample_rate': self.sample_rate}
        right = np.array([source['position'] for source in sources], np.float32)
        audio = np.stack([1 - right, right]) @ waves
        if results.get('flip'):
            audio = audio[::-1]
        return {**results, 'audio': audio, 'sample_rate': self.sample_rate, 'stereo': True}


def read_middle(path: str, count: int, sample_rate: int) -> NDArray[np.float32]:
    """Read the samples around the middle of a file, mono; a shorter file is repeated.

    Args:
        path: Audio file.
        count: S, number of samples.
        sample_rate: Samples per second.

    Returns:
        (S,).

    Raises:
        BrokenDataError: The file is broken, or contains no samples.
    """
    total = round(audio_info(path).seconds * sample_rate)
    start = max((total - count) // 2, 0)
    audio = read_audio(path, sample_rate=sample_rate, start=start, num_samples=count)
    if not len(audio):
        raise broken_data_error(path, 'has no samples')
    return np.resize(audio, count)
