"""Exported predictions have the same scores as the tracks themselves."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData

from avis.apis import evaluate
from avis.evaluation.metrics.track_metrics import AVISegMetric, AVTrackMetric, YouTubeVISMetric
from avis.export import write_exports, write_youtube_vis
from avis.structures.av_data_sample import AVDataSample
from avis.structures.mask_track import MaskTrack
from avis.structures.video_result import TrackResult, VideoResult
from tests.helpers.small_sets import SIZE
from tests.helpers.track_samples import FRAMES, make_samples, score, write_gt, write_merged

METRICS = {'aviseg': AVISegMetric, 'youtube_vis': YouTubeVISMetric, 'avtrack': AVTrackMetric}


def result_of(sample: AVDataSample) -> VideoResult:
    """Predicted tracks that make a sound in each frame with a mask, and a silent person."""
    pred = sample.pred_tracks
    fields = zip(pred.masks, pred.labels.tolist(), pred.scores.tolist(), strict=True)
    tracks = [
        TrackResult(number, f'p{number}', masks, np.array(masks.areas > 0), label, score=confidence)
        for number, (masks, label, confidence) in enumerate(fields, start=1)
    ]
    silent = MaskTrack.from_dense(np.ones((FRAMES, *SIZE)))
    tracks.append(TrackResult(99, 'silent', silent, np.zeros(FRAMES, bool)))
    return VideoResult(sample.video_name, 1.0, FRAMES, *SIZE, tracks=tracks)


def samples_of(kind: str, *, perfect: bool) -> list[AVDataSample]:
    samples = make_samples(6, disjoint=kind == 'avtrack')[1:]
    for sample in samples:
        gt = sample.gt_tracks
        pred = sample.pred_tracks
        if perfect:
            pred = InstanceData(masks=gt.masks, labels=gt.labels, scores=torch.ones(len(gt.masks)))
        # Tracks that never make a sound are not exported.
        sample.pred_tracks = pred[[bool(masks.areas.any()) for masks in pred.masks]]
    return samples


def exported_scores(kind: str, samples: list[AVDataSample], folder: Path, **kwargs: Any) -> dict:
    results = [result_of(sample) for sample in samples]
    if kind == 'avtrack':
        for result in results:
            write_exports(folder / 'pred' / result.name, result, ['avtrack', 'speakers'])
        return evaluate(kind, write_merged(folder / 'gt', samples), folder / 'pred', **kwargs)
    ids = {sample.video_name: sample.video_id for sample in samples}
    pred = write_youtube_vis(folder / 'pred.json', results, ids)
    return evaluate(kind, write_gt(folder / 'gt.json', samples), pred, **kwargs)


@pytest.mark.parametrize('protocol', ['official', 'corrected'])
@pytest.mark.parametrize('kind', METRICS)
def test_exported_tracks_score_as_the_metric(kind: str, protocol: str, tmp_path: Path) -> None:
    samples = samples_of(kind, perfect=False)
    expected = score(METRICS[kind](protocol=protocol, prefix='x'), samples)
    summary = exported_scores(kind, samples, tmp_path, protocol=protocol)['summary']
    got = {key: summary[key[2:]] for key in expected}
    assert got == pytest.approx(expected, abs=0, rel=0, nan_ok=True)
    assert len(expected) >= 5


@pytest.mark.parametrize('kind', METRICS)
def test_the_ground_truth_scores_one_hundred(kind: str, tmp_path: Path) -> None:
    samples = samples_of(kind, perfect=True)
    summary = exported_scores(kind, samples, tmp_path, protocol='corrected')['summary']
    headline = {'aviseg': ('AP_all', 'HOTA', 'FA'), 'youtube_vis': ('AP', 'AR10')}
    for key in headline.get(kind, ('HOTA', 'DetA', 'AssA', 'IDF1', 'MOTA', 'J&F-Mean')):
        assert summary[key] == pytest.approx(100), key


def test_an_older_export_of_persons_is_replaced(tmp_path: Path) -> None:
    samples = make_samples(5, disjoint=True)[1:]
    results = sorted((result_of(sample) for sample in samples), key=lambda r: -len(r.tracks))
    for result in (results[0], results[-1]):
        write_exports(tmp_path, result, ['avtrack'])
    folders = sorted(path.name for path in tmp_path.iterdir())
    assert folders == [f'person_{k}' for k in range(len(results[-1].tracks) - 1)]


def test_one_video_has_its_name_as_id(tmp_path: Path) -> None:
    result = result_of(make_samples(3)[2])
    path = write_exports(tmp_path, result, ['youtube_vis'])['youtube_vis']
    assert {entry['video_id'] for entry in json.loads(path.read_text())} == {result.name}
    with pytest.raises(ValueError, match=r"pred\.json: expected the id of each video, .*'video02'"):
        write_youtube_vis(tmp_path / 'pred.json', [result], {'other': 1})
