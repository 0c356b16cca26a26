"""Write predicted label maps or tracks as compact JSON that is readable without torch."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric

from avis.registry import METRICS
from avis.structures.masks import encode_mask, rle_to_json
from avis.utils.atomic import write_atomic


@METRICS.register_module()
class DumpPredictions(BaseMetric):
    """Write one JSON file: a list of clips with COCO RLEs, ``{'size': [H, W], 'counts': str}``.

    Entries: ``video_id``, ``video_name``, ``frame_ids`` (T,); and ``frames``: T dicts of class
    index (as a string, without background 0) to RLE; or ``tracks``: dicts of ``id``, ``label``,
    ``score`` and ``segmentations``, T RLEs, null where the instance is absent.

    Args:
        out_file: Path of the file; it is written atomically.
    """

    def __init__(self, *, out_file: str) -> None:
        super().__init__(collect_device='cpu', prefix='dump')
        self.out_file = Path(out_file)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Encode each clip immediately, so that no dense mask is kept after its batch."""
        for sample in data_samples:
            entry = {key: sample.get(key) for key in ('video_id', 'video_name')}
            if 'pred_tracks' in sample:
                content = {'tracks': _tracks(sample['pred_tracks'])}
                length = max(
                    (len(track['segmentations']) for track in content['tracks']), default=0
                )
            else:
                labels = sample['pred_sem_seg']['sem_seg'].cpu().numpy()  # (T, H, W)
                content, length = {'frames': [_encode(frame) for frame in labels]}, len(labels)
            frame_ids = sample.get('frame_ids')
            entry['frame_ids'] = np.asarray(
                range(length) if frame_ids is None else frame_ids
            ).tolist()
            self.results.append({**entry, **content})

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Write the file; return no scores."""
        write_atomic(self.out_file, json.dumps(results))
        return {}


def _encode(labels: np.ndarray) -> dict[str, dict[str, Any]]:
    """RLE of each class in one frame (H, W)."""
    classes = (k for k in np.unique(labels) if k != 0)
    return {str(k): rle_to_json(encode_mask(labels == k)) for k in classes}


def _tracks(tracks: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Predicted tracks as plain values."""
    fields = (tracks[key].tolist() for key in ('ids', 'labels', 'scores'))
    return [
        {'id': track_id, 'label': label, 'score': score, 'segmentations': masks.to_json()}
        for track_id, label, score, masks in zip(*fields, tracks['masks'], strict=True)
    ]
