import numpy as np
import pytest

from avis.evaluation.functional.error_kinds import PRED_KINDS, count_errors
from avis.evaluation.functional.oracles import pair_masks
from avis.evaluation.functional.overlap import VideoOverlap
from avis.evaluation.functional.timeline import UNMATCHED, Timeline, build_timeline
from tests.helpers.planted_errors import diagnose, moving_squares, split_track, start_late


def random_video(seed: int) -> VideoOverlap:
    """Label maps of 30 frames with three gt and four predicted tracks that come and go."""
    rng = np.random.default_rng(seed)
    gt = np.repeat(rng.integers(0, 4, (30, 1, 3)), 2, axis=2)
    pred = np.where(rng.random((30, 1, 6)) < 0.7, gt, rng.integers(0, 5, (30, 1, 6)))
    return VideoOverlap.from_label_maps(zip(gt, pred, strict=True), size=(1, 6))


def frames_of(timeline: Timeline, side: str) -> np.ndarray:
    """The matched track of every frame, -2 where a track is absent, (N, T)."""
    tracks = timeline['gt'] if side == 'gt' else timeline['pred']
    frames = np.full((len(tracks), timeline['frames']), -2)
    for row, track in zip(frames, tracks, strict=True):
        for start, length, partner in track['runs'].tolist():
            assert (row[start : start + length] == -2).all()  # runs do not overlap
            row[start : start + length] = partner
    return frames


@pytest.mark.parametrize('seed', range(5))
def test_runs_contain_exactly_the_masks_and_matches(seed: int) -> None:
    video = random_video(seed)
    match = pair_masks(video)
    timeline = build_timeline(video, match)
    gt, pred = frames_of(timeline, 'gt'), frames_of(timeline, 'pred')
    np.testing.assert_array_equal(gt > -2, video.gt.present)
    np.testing.assert_array_equal(np.where(gt > -2, gt, UNMATCHED), match.T)
    np.testing.assert_array_equal(pred > -2, video.pred.present)
    for track, frame in zip(*np.nonzero(pred >= 0), strict=True):
        assert gt[pred[track, frame], frame] == track


@pytest.mark.parametrize('seed', range(5))
def test_errors_lie_on_masks_and_cover_all_that_are_unmatched(seed: int) -> None:
    video = random_video(seed)
    timeline = build_timeline(video, pair_masks(video))
    unmatched = {'gt': frames_of(timeline, 'gt') == -1, 'pred': frames_of(timeline, 'pred') == -1}
    covered = {side: np.zeros_like(rows) for side, rows in unmatched.items()}
    for kind in ('missed_speaker', 'late_start', 'early_end', *PRED_KINDS[:3]):
        rows = covered['pred' if kind in PRED_KINDS else 'gt']
        for track, start, length in timeline['errors'].get(kind, np.zeros((0, 3), int)).tolist():
            rows[track, start : start + length] = True
    for side, rows in covered.items():
        np.testing.assert_array_equal(rows, unmatched[side], err_msg=side)


@pytest.mark.parametrize('seed', range(5))
def test_timeline_has_the_counted_errors(seed: int) -> None:
    video = random_video(seed)
    match = pair_masks(video)
    counts, errors = count_errors(video, match), build_timeline(video, match)['errors']
    for kind in ('missed_speaker', 'ghost_speaker', 'identity_switch', 'split', 'merge'):
        assert len(errors.get(kind, ())) == getattr(counts, kind), kind
    for kind in ('late_start', 'early_end', 'early_start', 'late_end', 'poor_mask'):
        frames = sum(run[2] for run in errors.get(kind, np.zeros((0, 3), int)).tolist())
        assert frames == getattr(counts, kind), kind


def test_planted_errors_are_where_they_were_planted() -> None:
    gt = moving_squares()
    late, split = gt.copy(), gt.copy()
    planted = start_late(late)
    ((track, start, length),) = diagnose(gt, late).timeline['errors']['late_start'].tolist()
    assert (start, length) == (gt.frames(track)[0], planted['late_start'])
    split_track(split)
    errors = diagnose(gt, split).timeline['errors']['split'].tolist()
    assert errors == [[0, gt.length // 2, 1]]
