"""Compute the audio features of a single video, for models that read precomputed ones."""

import functools
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from avis.apis.audio_features import embed_seconds
from avis.datasets.transforms.audio import LoadAudio
from avis.models.audio_encoders.vggish import VGGish
from avis.structures.video_record import VideoRecord

VGGISH_WEIGHTS = 'data/pretrained/vggish.pth'


@contextmanager
def computed_features(record: VideoRecord, transforms: Sequence[Any]) -> Iterator[VideoRecord]:
    """Give a record a file of audio features for as long as it is predicted, if its model needs it.

    A video without audio needs none: its features are zeros.

    Args:
        record: Record of the video.
        transforms: Test pipeline of the model.

    Raises:
        ValueError: The pipeline reads features, the record has none, and the weights of VGGish are
            not at :data:`VGGISH_WEIGHTS`.
    """
    loaders = [step for step in transforms if isinstance(step, LoadAudio)]
    audio, known = record.get('audio'), record.get('features')
    wanted = any(step.source == 'features' for step in loaders)
    if not wanted or audio is None or known is not None:
        yield record
        return
    if not Path(VGGISH_WEIGHTS).is_file():
        raise ValueError(
            f'{record["video_name"]!r}: the config reads precomputed audio features '
            f"(LoadAudio(source='features')). Fetch the weights of VGGish, {VGGISH_WEIGHTS}, to "
            f'compute them (avis download vggish), pass a .npy of '
            f'tools/dataset_tools/extract_audio_features.py as audio, or use a config that reads '
            f'waveforms.'
        )
    rows = embed_seconds(
        audio,
        record['length'],
        record['fps'],
        _vggish(Path(VGGISH_WEIGHTS).resolve()),
        start=record.get('start', 0.0),
        track=record.get('audio_track'),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'features.npy'
        np.save(path, rows)
        extended: VideoRecord = {**record, 'features': str(path)}
        yield extended


@functools.lru_cache(maxsize=1)
def _vggish(weights: Path) -> VGGish:
    """One network for all videos of a run: loading its 288 MB takes longer than a short video."""
    return VGGish(weights=weights, framing='per_second')
