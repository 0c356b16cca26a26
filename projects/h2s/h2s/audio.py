"""Read the embeddings of separated audio streams."""

from pathlib import Path
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from avis.datasets.readers.errors import broken_data_error
from avis.datasets.readers.tensors import read_features
from avis.datasets.transforms.clip import frame_ids_of, refuse_loaded
from avis.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadSeparatedAudio(BaseTransform):
    """Read the embeddings of the separated streams of a video, side by side.

    Reads ``features``, the path ``<folder>/<video>.npy``, and ``frame_ids``. Writes ``audio``
    float32 (T, S * D): the rows of ``<folder>/<video>/source_01.npy`` to ``source_0S.npy``, each
    (T, D), as the official code extracts them. Their order does not change the predictions.

    Args:
        num_streams: S.
    """

    def __init__(self, *, num_streams: int = 8) -> None:
        self.num_streams = num_streams

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        refuse_loaded(results, 'audio', 'LoadSeparatedAudio')
        path = results.get('features')
        if path is None:
            raise ValueError('LoadSeparatedAudio: expected feature_dir of the data set, got None')
        folder = Path(path).with_suffix('')
        files = [folder / f'source_{i + 1:02d}.npy' for i in range(self.num_streams)]
        streams = [read_features(file) for file in files]
        for file, stream in zip(files, streams, strict=True):
            if len(stream) != results['length']:
                raise broken_data_error(
                    file, f'has {len(stream)} rows for a clip of {results["length"]} frames'
                )
        return {**results, 'audio': np.concatenate(streams, 1)[frame_ids_of(results)]}
