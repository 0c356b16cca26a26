import json
from pathlib import Path

import numpy as np
import torch

from avis.evaluation.metrics.dump_predictions import DumpPredictions
from avis.structures.masks import decode_rle, to_rle


def test_json_contains_label_maps_exactly(tmp_path: Path) -> None:
    labels = torch.from_numpy(np.random.default_rng(0).integers(0, 3, (2, 5, 7)).astype(np.uint8))
    labels[1] = 0  # a silent frame
    metric = DumpPredictions(out_file=str(tmp_path / 'new' / 'pred.json'))
    sample = {'video_id': 3, 'video_name': 'a/b', 'pred_sem_seg': {'sem_seg': labels}}
    metric.process({}, [sample, {**sample, 'frame_ids': np.array([4, 8])}])
    assert metric.evaluate(2) == {}
    first, second = json.loads((tmp_path / 'new' / 'pred.json').read_text())
    assert (first['video_id'], first['video_name']) == (3, 'a/b')
    assert (first['frame_ids'], second['frame_ids']) == ([0, 1], [4, 8])
    assert first['frames'][1] == {}
    rebuilt = np.zeros((5, 7), np.uint8)
    for name, rle in first['frames'][0].items():
        rebuilt[decode_rle(to_rle(rle, 5, 7))] = int(name)
    np.testing.assert_array_equal(rebuilt, labels[0])
