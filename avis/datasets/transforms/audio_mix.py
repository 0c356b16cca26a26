"""Audio of an image with several sources: a file per source, mixed in mono or stereo."""

from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from avis.datasets.readers.excerpts import read_excerpt
from avis.datasets.transforms.clip import clip_name, refuse_loaded
from avis.registry import TRANSFORMS


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
        seconds, rate = results['length'] / results['fps'], self.sample_rate
        waves = np.stack(
            [
                read_excerpt(source['audio'], seconds=seconds, sample_rate=rate)[0]
                for source in sources
            ]
        )
        if not self.stereo:
            return {**results, 'audio': waves.sum(axis=0), 'sample_rate': rate}
        right = np.array([source['position'] for source in sources], np.float32)
        audio = np.stack([1 - right, right]) @ waves
        if results.get('flip'):
            audio = audio[::-1]
        return {**results, 'audio': audio, 'sample_rate': rate, 'stereo': True}
