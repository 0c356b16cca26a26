import pickle
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avis.evaluation.functional.aviseg import AVISegScores, count_aviseg, score_aviseg
from avis.evaluation.functional.counts import OfficialEvaluatorError
from avis.evaluation.functional.overlap import TrackMasks, VideoOverlap
from tests.helpers.instance_goldens import GOLDEN, aviseg_videos, compare, read_json
from tests.helpers.small_videos import CLASSES, SmallVideo, draw_video, seeds

CASES = ('dense_720p', 'mixed_sizes', 'sparse_null', 'edge', 'empty_results')
PROTOCOLS = ('official', 'corrected')
BLANK = {'size': [1, 2], 'counts': b'2'}
MASK = {'size': [1, 2], 'counts': b'02'}


class Case:
    """One golden case: its videos and the output of the official evaluator."""

    def __init__(self, name: str) -> None:
        folder = GOLDEN / 'aviseg' / name
        categories = read_json(folder / 'gt.json.gz')['categories']
        self.ids = {category['name']: category['id'] for category in categories}
        self.videos = aviseg_videos(name)
        self.expected = read_json(folder / 'expected.json')
        self.full = read_json(folder / 'expected_full.json.gz')

    def score(self, protocol: str = 'official') -> AVISegScores:
        counted = [
            count_aviseg(video, name=name, classes=self.ids.values(), protocol=protocol)
            for name, video in self.videos.items()
        ]
        return score_aviseg(counted, classes=self.ids.values())


@pytest.fixture(params=CASES, scope='module')
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param)


def test_reported_numbers_equal_the_official_evaluator(case: Case) -> None:
    scores, expected = case.score(), case.expected['summary_full_precision']
    official = case.expected['official_summary']
    tracks = {name: value for name, value in expected.items() if not name.startswith('FA')}
    compare(scores.summary_of_tracks(), tracks, 'summary')
    if 'error' in official:
        with pytest.raises(OfficialEvaluatorError, match=r'v00_00, frame 4.*null masks') as error:
            scores.summary()
        assert error.value.cause == official['error']
    else:
        compare(scores.summary(), expected, 'summary')
        assert {name: round(value, 2) for name, value in scores.summary().items()} == official
        compare(scores.fsla, case.expected['fsla'], 'fsla')


def test_every_class_equals_the_official_evaluator(case: Case) -> None:
    scores = case.score()
    active = {case.ids[name] for name in case.expected['active_classes']}
    assert set(scores.per_class) == active
    for name, metrics in case.full['per_class'].items():
        for metric, fields in metrics.items():
            compare(scores.per_class[case.ids[name]][metric], fields, f'{name} {metric}')
    for kind in ('class_averaged', 'det_averaged'):
        for metric, fields in case.expected[kind].items():
            compare(getattr(scores, kind)[metric], fields, f'{kind} {metric}')


def test_every_video_equals_the_official_evaluator(case: Case) -> None:
    assert set(case.full['per_video']) == set(case.videos)
    for name, expected in case.full['per_video'].items():
        video = count_aviseg(case.videos[name], name=name, classes=case.ids.values())
        got = video.scores()
        for label, metrics in expected['classes'].items():
            for metric, fields in metrics.items():
                if metric == 'Count':
                    assert fields.pop('Frames') == case.videos[name].num_frames
                compare(got[case.ids[label]][metric], fields, f'{name} {label} {metric}')
        if 'error' in expected['fsla']:
            assert video.error.cause == expected['fsla']['error']
        else:
            fsla = video.fsla.scores()
            for kind in 'nsm':
                fsla[f'frame_num_{kind}_all'] = fsla[f'FA{kind}_all']
                fsla[f'frame_num_{kind}_tp'] = fsla[f'FA{kind}_count']
            compare(fsla, expected['fsla'], f'{name} fsla')


def test_corrected_fsla_equals_the_intended_fsla(case: Case) -> None:
    scores, expected = case.score('corrected'), case.expected['fsla_intended']
    for name in ('FA', 'FAn', 'FAs', 'FAm'):
        compare(scores.fsla, {name: expected[name]}, 'intended')
    compare(scores.summary(), expected['summary'], 'intended')
    for name, video in case.videos.items():
        got = count_aviseg(video, name=name, classes=case.ids.values(), protocol='corrected').fsla
        want = case.full['per_video'][name]['fsla_intended']
        np.testing.assert_array_equal(got.frames, [want[f'{kind}_all'][0] for kind in 'nsm'])
        np.testing.assert_array_equal(got.correct, [want[f'{kind}_tp'] for kind in 'nsm'])


def test_corrected_matches_each_gt_track_once() -> None:
    case = Case('edge')
    guitar = case.ids['guitar']
    assert case.score('official').per_class[guitar]['TrackMAP']['AR_all'][0] == 1.25
    assert case.score('corrected').per_class[guitar]['TrackMAP']['AR_all'][0] == 1.0


def score(videos: list[VideoOverlap], protocol: str, order: list[int] | None = None) -> dict:
    """All scores of videos whose counts are pickled and unpickled."""
    counted = [
        pickle.loads(
            pickle.dumps(
                count_aviseg(video, name=f'{number:02d}', classes=CLASSES, protocol=protocol)
            )
        )
        for number, video in enumerate(videos)
    ]
    scores = score_aviseg([counted[n] for n in order or range(len(counted))], classes=CLASSES)
    return {'summary': scores.summary_of_tracks(), 'fsla': scores.fsla, 'all': scores.per_class}


def flat(scores: dict) -> dict[str, np.ndarray]:
    pairs = {}
    for name, value in scores.items():
        inner = flat(value) if isinstance(value, dict) else {'': np.asarray(value, float)}
        pairs |= {f'{name}.{key}': number for key, number in inner.items()}
    return pairs


def assert_same(left: dict, right: dict, atol: float = 0) -> None:
    left, right = flat(left), flat(right)
    assert left.keys() == right.keys()
    for name, value in left.items():
        np.testing.assert_allclose(value, right[name], rtol=0, atol=atol, err_msg=name)


@settings(max_examples=30)
@given(seed=seeds, shuffle=st.randoms(use_true_random=False), protocol=st.sampled_from(PROTOCOLS))
def test_order_and_distribution_of_videos_do_not_matter(
    seed: int, shuffle: random.Random, protocol: str
) -> None:
    videos = [draw_video(seed + number).overlap() for number in range(4)]
    order = shuffle.sample(range(4), 4)
    assert_same(score(videos, protocol), score(videos, protocol, order))


@settings(max_examples=40)
@given(seed=seeds, shuffle=st.randoms(use_true_random=False))
def test_order_of_tracks_and_ids_do_not_matter(seed: int, shuffle: random.Random) -> None:
    video = draw_video(seed)
    order = [shuffle.sample(range(len(side)), len(side)) for side in (video.gt, video.pred)]
    ids = shuffle.sample(range(100), len(video.gt))
    one, other = video.overlap(), video.overlap(*order, ids=ids)
    assert_same(score([one], 'corrected'), score([other], 'corrected'), atol=1e-12)


BOUNDED = (
    *('HOTA', 'DetA', 'AssA', 'DetRe', 'DetPr', 'AssRe', 'AssPr', 'LocA', 'OWTA'),
    *('IDF1', 'IDR', 'IDP', 'MOTP', 'CLR_Re', 'CLR_Pr', 'CLR_F1', 'MTR', 'PTR', 'MLR'),
    *('AP_all', 'AR_all', 'AP_area_s', 'AR_area_s', 'FA', 'FAn', 'FAs', 'FAm'),
)


@settings(max_examples=50)
@given(seed=seeds)
def test_scores_stay_in_bounds(seed: int) -> None:
    scores = score([draw_video(seed + number).overlap() for number in range(2)], 'corrected')
    for name, value in flat(scores | {'summary': {}}).items():
        field = name.rstrip('.').split('.')[-1]
        if field in BOUNDED:
            assert not ((value < 0) | (value > 1 + 1e-12)).any(), name
        if field in ('MOTA', 'MODA', 'sMOTA', 'MOTAL'):
            assert not (value > 1 + 1e-12).any(), name


def perfect(video: SmallVideo) -> VideoOverlap:
    """The ground truth as its own prediction, including blank masks and tracks."""
    video.pred, video.pred_labels = video.gt, video.gt_labels
    video.pred_present = np.ones(video.gt.shape[:2], bool)
    video.scores = np.linspace(1, 0.5, len(video.gt))
    return video.overlap()


@settings(max_examples=40)
@given(seed=seeds)
def test_perfect_prediction_scores_100(seed: int) -> None:
    videos = [perfect(draw_video(seed + number)) for number in range(3)]
    counted = [
        count_aviseg(video, name=str(n), classes=CLASSES, protocol='corrected')
        for n, video in enumerate(videos)
    ]
    summary = score_aviseg(counted, classes=CLASSES).summary()
    for name, value in summary.items():
        if not name.endswith(('_count', '_all')) or name in ('AP_all', 'AR_all'):
            assert np.isnan(value) or value == pytest.approx(100), name
    assert summary['FA'] == pytest.approx(100)


def masks(gt: list, pred: list, labels: tuple[int, int] = (1, 1)) -> VideoOverlap:
    sides = TrackMasks([gt], labels=labels[:1]), TrackMasks([pred], labels=labels[1:])
    return VideoOverlap.from_rles(*sides, size=(1, 2), num_frames=len(gt))


def test_blank_masks_are_detections_in_official_only() -> None:
    video = masks([MASK, None], [MASK, BLANK])
    got = {
        protocol: score_aviseg(
            [count_aviseg(video, name='a', classes=[1], protocol=protocol)], classes=[1]
        ).summary_of_tracks()
        for protocol in PROTOCOLS
    }
    assert got['official']['DetA'] == pytest.approx(50)
    assert got['corrected']['DetA'] == pytest.approx(100)


def test_absent_classes_lower_the_official_mean_only() -> None:
    video = masks([MASK], [MASK])
    for protocol, hota in (('official', 25), ('corrected', 100)):
        counted = count_aviseg(video, name='a', classes=range(4), protocol=protocol)
        summary = score_aviseg([counted], classes=range(4)).summary_of_tracks()
        assert summary['HOTA'] == pytest.approx(hota)
        assert summary['AP_all'] == pytest.approx(100)


def test_unknown_classes_are_ignored_except_by_fsla() -> None:
    video = masks([None], [MASK], labels=(1, 9))
    counted = count_aviseg(video, name='a', classes=[1], protocol='official')
    assert list(counted.classes) == [1]
    scores = score_aviseg([counted], classes=[1])
    assert scores.class_averaged['HOTA']['HOTA_FP'].sum() == 0
    assert (scores.fsla['FAn_count'][0], scores.fsla['FAn_all'][0]) == (0, 1)


def test_data_set_without_tracks_has_a_score() -> None:
    empty = VideoOverlap.from_rles(TrackMasks([]), TrackMasks([]), size=(1, 2), num_frames=2)
    official, corrected = (
        score_aviseg(
            [count_aviseg(empty, name='a', classes=[1], protocol=protocol)], classes=[1]
        ).summary()
        for protocol in PROTOCOLS
    )
    assert (official['AP_all'], official['HOTA'], official['LocA']) == (-100, 0, 100)
    assert np.isnan([corrected['AP_all'], corrected['HOTA'], corrected['LocA']]).all()
    assert official['FA'] == corrected['FA'] == 100


def test_invalid_protocols_raise() -> None:
    video = masks([MASK], [MASK])
    with pytest.raises(ValueError, match=r"protocol must be one of .* got 'best'"):
        count_aviseg(video, name='a', classes=[1], protocol='best')
    mixed = [count_aviseg(video, name='a', classes=[1], protocol=p) for p in PROTOCOLS]
    with pytest.raises(ValueError, match=r"of one protocol, got \['corrected', 'official'\]"):
        score_aviseg(mixed, classes=[1])
    with pytest.raises(ValueError, match=r'of one protocol, got \[\]'):
        score_aviseg([], classes=[1])
