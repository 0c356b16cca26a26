import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData

from avis.apis import evaluate
from avis.evaluation.metrics.track_metrics import AVISegMetric, AVTrackMetric, YouTubeVISMetric
from avis.registry import METRICS
from avis.structures.av_data_sample import AVDataSample
from avis.structures.mask_track import MaskTrack
from avis.structures.masks import to_rle
from tests.helpers.instance_goldens import GOLDEN, read_json
from tests.helpers.subprocess_python import ROOT
from tests.helpers.track_samples import (
    META,
    make_samples,
    score,
    write_gt,
    write_merged,
)
from tests.helpers.warm_python import run_warm

PROTOCOLS = ('official', 'corrected')


def golden_samples(case: str) -> tuple[list[AVDataSample], list[str]]:
    """The videos of a golden case of AVISeg, and the names of its classes."""
    gt, results = (
        read_json(GOLDEN / 'aviseg' / case / f'{name}.json.gz') for name in ('gt', 'results')
    )

    def tracks(entries: list[dict], size: tuple[int, int]) -> InstanceData:
        masks = [
            MaskTrack(*size, [None if s is None else to_rle(s, *size) for s in e['segmentations']])
            for e in entries
        ]
        labels = torch.tensor([e['category_id'] - 1 for e in entries], dtype=torch.long)
        return InstanceData(masks=masks, labels=labels)

    samples = []
    for video in gt['videos']:
        size = video['height'], video['width']
        annotations, found = (
            [entry for entry in entries if entry['video_id'] == video['id']]
            for entries in (gt['annotations'], results)
        )
        name = video['file_names'][0].split('/')[0]
        meta = {'video_id': video['id'], 'video_name': name, 'ori_shape': size}
        sample = AVDataSample(metainfo={**meta, 'frame_ids': np.arange(video['length'])})
        sample.gt_tracks = tracks(annotations, size)
        sample.gt_tracks.ids = torch.tensor([a['id'] for a in annotations], dtype=torch.long)
        sample.gt_tracks.crowd = torch.tensor([bool(a['iscrowd']) for a in annotations])
        areas = [[area for area in a['areas'] if area] for a in annotations]
        sample.gt_tracks.sizes = torch.tensor(
            [np.mean(area) if area else 0.0 for area in areas], dtype=torch.float64
        )
        sample.pred_tracks = tracks(found, size)
        scores = [result['score'] for result in found]
        sample.pred_tracks.scores = torch.tensor(scores, dtype=torch.float64)
        samples.append(sample)
    return samples, [category['name'] for category in gt['categories']]


@pytest.mark.parametrize('case', ['dense_720p', 'mixed_sizes', 'sparse_null'])
def test_aviseg_official_golden_through_an_evaluator(case: str) -> None:
    samples, classes = golden_samples(case)
    # This golden contains null masks; the others have an RLE in every frame.
    config = {'type': 'AVISegMetric', 'write_blanks': case != 'sparse_null'}
    evaluator = Evaluator([METRICS.build(config)])
    evaluator.dataset_meta = {'classes': classes}
    for sample in samples:
        evaluator.process([sample])
    got = evaluator.evaluate(len(samples))
    expected = json.loads((GOLDEN / 'aviseg' / case / 'expected.json').read_text())
    expected = expected['summary_full_precision']
    assert got.keys() == {f'aviseg/{key}' for key in expected}
    for key, value in expected.items():
        wanted = float('nan') if value == 'nan' else value
        assert got[f'aviseg/{key}'] == pytest.approx(wanted, abs=1e-9, nan_ok=True), key


@pytest.mark.parametrize('protocol', PROTOCOLS)
@pytest.mark.parametrize('write_blanks', [True, False])
@pytest.mark.parametrize('benchmark', ['aviseg', 'youtube_vis'])
def test_written_results_score_as_the_metric(
    benchmark: str, write_blanks: bool, protocol: str, tmp_path: Path
) -> None:
    samples = make_samples(6)
    kind = {'aviseg': AVISegMetric, 'youtube_vis': YouTubeVISMetric}[benchmark]
    out = tmp_path / 'new' / 'results.json'
    metric = kind(protocol=protocol, out=str(out), write_blanks=write_blanks)
    got = score(metric, samples)
    result = evaluate(benchmark, write_gt(tmp_path / 'gt.json', samples), out, protocol=protocol)
    prefix = benchmark if protocol == 'official' else f'{benchmark}_corrected'
    np.testing.assert_equal(got, {f'{prefix}/{k}': v for k, v in result['summary'].items()})
    masks = [mask for entry in json.loads(out.read_text()) for mask in entry['segmentations']]
    assert (None in masks) != write_blanks


@pytest.mark.parametrize('protocol', PROTOCOLS)
def test_written_persons_score_as_the_metric(protocol: str, tmp_path: Path) -> None:
    samples = make_samples(6, disjoint=True)[1:]
    gt = write_merged(tmp_path / 'Instance_Masks_merged', samples)
    for with_jf in (True, False):
        metric = AVTrackMetric(protocol=protocol, out=str(tmp_path / 'pred'), with_jf=with_jf)
        got = score(metric, samples)
        result = evaluate(
            'avtrack', gt.parent, tmp_path / 'pred', protocol=protocol, with_jf=with_jf
        )
        prefix = 'avtrack' if protocol == 'official' else 'avtrack_corrected'
        assert got == pytest.approx({f'{prefix}/{k}': v for k, v in result['summary'].items()})
        assert ('J-Mean' in result['summary']) == with_jf


def test_persons_are_merged_in_string_order_of_their_folders(tmp_path: Path) -> None:
    """person_10 is merged before person_2."""
    (sample,) = make_samples(2, disjoint=True)[1:]
    tracks = sample.pred_tracks.masks
    del sample.pred_tracks
    sample.pred_tracks = InstanceData(masks=[tracks[k % len(tracks)] for k in range(12)])
    got = score(AVTrackMetric(out=str(tmp_path / 'pred')), [sample])
    gt = write_merged(tmp_path / 'gt', [sample])
    result = evaluate('avtrack', gt, tmp_path / 'pred', with_jf=False)
    assert got == pytest.approx({f'avtrack/{k}': v for k, v in result['summary'].items()})


def test_writing_replaces_the_persons_of_an_earlier_run(tmp_path: Path) -> None:
    samples = make_samples(3, disjoint=True)
    first, second = samples[1], samples[2]
    second.set_metainfo({'video_name': first.video_name})
    score(AVTrackMetric(out=str(tmp_path)), [first])
    killed = tmp_path / first.video_name / 'person_0' / 'frame_0001.png.4711.part'
    killed.write_bytes(b'half an image')
    score(AVTrackMetric(out=str(tmp_path)), [second])
    assert not killed.exists()
    folders = sorted(path.name for path in (tmp_path / first.video_name).iterdir())
    assert folders == [f'person_{k}' for k in range(len(second.pred_tracks.masks))]
    names = {path.name for path in tmp_path.rglob('*.png')}
    assert names <= {f'frame_{t:04d}.png' for t in range(4)}


def test_dense_masks_are_accepted() -> None:
    samples = make_samples(4)
    expected = score(AVISegMetric(), samples)
    for sample in samples[1:]:
        for tracks in (sample.gt_tracks, sample.pred_tracks):
            dense = [track.to_dense() for track in tracks.masks]
            tracks.masks = torch.from_numpy(np.stack(dense))
    np.testing.assert_equal(score(AVISegMetric(), samples), expected)


def test_frames_without_a_label_and_padding_are_not_scored() -> None:
    samples = make_samples(5)
    for sample in samples:
        sample.labeled_frames = torch.tensor([True, True, False, True])
        sample.valid_frames = torch.tensor([True, True, True, False])
    got = score(YouTubeVISMetric(), samples)
    for sample in samples:
        del sample.labeled_frames, sample.valid_frames
        for side in ('gt_tracks', 'pred_tracks'):
            tracks = sample.get(side)
            tracks.masks = [MaskTrack(m.height, m.width, m.rles[:2]) for m in tracks.masks]
    np.testing.assert_equal(score(YouTubeVISMetric(), samples), got)


def test_samples_without_gt_are_written_but_not_scored(tmp_path: Path) -> None:
    samples = make_samples(4)
    for sample in samples:
        del sample.gt_tracks
    assert score(YouTubeVISMetric(out=str(tmp_path / 'results.json')), samples) == {}
    entries = json.loads((tmp_path / 'results.json').read_text())
    assert len(entries) == sum(len(sample.pred_tracks) for sample in samples)


def test_category_ids_are_written(tmp_path: Path) -> None:
    out, samples = tmp_path / 'results.json', make_samples(4)
    score(YouTubeVISMetric(out=str(out), category_ids=[7, 9, 40]), samples)
    ids = [entry['category_id'] for entry in json.loads(out.read_text())]
    labels = [int(label) for sample in samples for label in sample.pred_tracks.labels]
    assert ids == [[7, 9, 40][label] for label in labels]


def test_a_repeated_sample_counts_once() -> None:
    samples = make_samples(5)
    expected = score(AVISegMetric(protocol='corrected'), samples)
    got = score(AVISegMetric(protocol='corrected'), [*samples, samples[2], samples[0]])
    np.testing.assert_equal(got, expected)


def test_invalid_samples_raise_with_the_name_of_the_video() -> None:
    sample = make_samples(2)[1].to_dict()
    metric = AVISegMetric()
    metric.dataset_meta = META
    without = {key: value for key, value in sample.items() if key != 'pred_tracks'}
    with pytest.raises(
        ValueError, match=r"'video01': expected pred_tracks in the data sample, got \["
    ):
        metric.process(None, [without])
    short = [MaskTrack(24, 32, m.rles[:3]) for m in sample['pred_tracks']['masks']]
    broken = {**sample, 'pred_tracks': {**sample['pred_tracks'], 'masks': short}}
    with pytest.raises(ValueError, match=r"'video01': expected tracks of one size and length"):
        metric.process(None, [broken])
    with pytest.raises(
        ValueError, match="'video01': labeled_frames: expected 4 flags, one per frame, got 9"
    ):
        metric.process(None, [{**sample, 'labeled_frames': torch.ones(9)}])
    flat = {**sample, 'pred_tracks': {**sample['pred_tracks'], 'masks': torch.ones(4, 24, 32)}}
    with pytest.raises(ValueError, match=r"'video01': expected masks \(N, T, H, W\), got shape"):
        metric.process(None, [flat])
    with pytest.raises(ValueError, match='protocol must be one of'):
        AVTrackMetric(protocol='intended')
    with pytest.raises(ValueError, match='AVISegMetric: expected classes in the metainfo'):
        AVISegMetric().process(None, [sample])


@pytest.mark.slow
@pytest.mark.parametrize('round_up', [True, False])
def test_two_processes_have_the_scores_of_one(round_up: bool, tmp_path: Path) -> None:
    samples = make_samples(7, disjoint=True)
    one = tmp_path / 'one'
    expected: dict = {}
    for metric in (
        AVISegMetric(out=f'{one}/aviseg.json'),
        AVISegMetric(protocol='corrected'),
        YouTubeVISMetric(out=f'{one}/youtube_vis.json'),
        AVTrackMetric(out=f'{one}/avtrack', protocol='corrected', with_jf=True),
    ):
        expected |= score(metric, samples)
    two = tmp_path / 'two'
    two.mkdir()
    script = ROOT / 'tests/helpers/score_tracks_in_two_processes.py'
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    done = run_warm([script, two, str(round_up)], tmp_path, environment, processes=2)
    assert done.returncode == 0, done.stderr[-3000:]
    ranks = [json.loads((two / f'{rank}.json').read_text()) for rank in (0, 1)]
    assert [rank['n'] for rank in ranks] == [4, 4 if round_up else 3]
    np.testing.assert_equal(ranks[0]['scores'], expected)
    np.testing.assert_equal(ranks[1]['scores'], expected)
    files = sorted(path.relative_to(one) for path in one.rglob('*.*'))
    assert files == sorted(p.relative_to(two) for p in two.rglob('*.*') if len(p.stem) > 1)
    for file in files:
        assert (one / file).read_bytes() == (two / file).read_bytes()
