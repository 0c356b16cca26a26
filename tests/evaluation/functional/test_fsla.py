import numpy as np
import pytest
from hypothesis import given

from avis.evaluation.functional.counts import OfficialEvaluatorError
from avis.evaluation.functional.fsla import FSLACounts, count_fsla
from avis.evaluation.functional.hota import ALPHAS
from avis.evaluation.functional.overlap import TrackMasks, VideoOverlap
from avis.structures.masks import encode_mask
from tests.helpers.small_videos import SmallVideo, small_videos

# Frames of the AVISeg test set without, with one, and with several sounding objects.
TEST_FRAMES = (931, 4_514, 7_099)
# FSLA, FSLAn, FSLAs, FSLAm of the benchmark table of the AVIS paper.
PUBLISHED = {
    'Mask2Former-VIS': (29.75, 0.00, 25.47, 36.37),
    'TeViT': (32.28, 0.00, 28.07, 39.18),
    'SeqFormer': (30.32, 25.03, 21.76, 36.46),
    'VITA': (38.04, 15.04, 27.98, 47.45),
    'DAVIS': (23.99, 14.61, 24.83, 24.69),
    'LBVQ': (34.73, 27.71, 29.52, 38.96),
    'AVSegFormer': (35.66, 18.58, 27.51, 43.08),
    'COMBO': (39.49, 21.91, 27.18, 49.63),
    'AVISM': (42.78, 32.22, 29.83, 52.40),
}
HD, SMALL = (720, 1280), (360, 640)


class Masks:
    """Masks of the left half, the right half, all and none of a frame."""

    def __init__(self, size: tuple[int, int]) -> None:
        image = np.zeros(size, bool)
        self.blank = encode_mask(image)
        image[:, : size[1] // 2] = True
        self.left, self.right, self.full = (encode_mask(i) for i in (image, ~image, image | True))


MASKS = {HD: Masks(HD), SMALL: Masks(SMALL)}


def count(
    gt: list,
    pred: list,
    *,
    labels: tuple = (None, None),
    ids: list | None = None,
    size: tuple[int, int] = HD,
    protocol: str = 'official',
) -> list[list[int]]:
    """Correct and all frames of the kinds n, s, m at alpha 0.05."""
    video = VideoOverlap.from_rles(
        TrackMasks(gt, labels=labels[0], ids=ids),
        TrackMasks(pred, labels=labels[1]),
        size=size,
        num_frames=len((gt or pred)[0]),
    )
    counts = count_fsla(video, protocol=protocol)
    return [counts.correct[:, 0].tolist(), counts.frames.tolist()]


@pytest.mark.parametrize('method', PUBLISHED)
def test_pooling_over_frames_reproduces_the_published_totals(method: str) -> None:
    total, *kinds = PUBLISHED[method]
    frames = np.array(TEST_FRAMES)
    correct = np.outer(frames * np.array(kinds) / 100, np.ones(len(ALPHAS)))
    got = FSLACounts(frames, correct).scores()
    # All four numbers are rounded to two digits.
    assert 100 * got['FA'].mean() == pytest.approx(total, abs=0.011)
    assert 100 * got['FAs'].mean() == pytest.approx(kinds[1])


@pytest.mark.parametrize('size', [HD, SMALL])
def test_blank_masks_in_silent_frames_are_correct_in_corrected_only(size) -> None:
    m = MASKS[size]
    sides = [[m.left, None]], [[m.left, m.blank]]
    assert count(*sides, size=size, protocol='corrected') == [[1, 1, 0], [1, 1, 0]]
    assert count(*sides, size=size) == [[0, 1, 0], [1, 1, 0]]
    assert count([[m.left, None]], [[m.left, None]], size=size) == [[1, 1, 0], [1, 1, 0]]


def test_official_recognizes_blank_masks_at_one_size_only() -> None:
    correct = {}
    for size, m in MASKS.items():
        pred = [[m.left, m.left], [m.blank, m.right]]
        correct[size] = count([[m.left, m.left], [None, m.right]], pred, size=size)[0]
    assert correct == {HD: [0, 1, 1], SMALL: [0, 0, 1]}


def test_official_looks_up_a_single_gt_mask_by_the_inverse_pairing() -> None:
    m = MASKS[HD]
    thirds = [m.left, m.right, m.full]
    gt = [[thirds[t] if t == track else None for t in range(3)] for track in range(3)]
    for rotation, official in ((0, 3), (1, 0)):
        pred = [
            [thirds[t] if t == (track + rotation) % 3 else m.blank for t in range(3)]
            for track in range(3)
        ]
        assert count(gt, pred)[0] == [0, official, 0]
        assert count(gt, pred, protocol='corrected')[0] == [0, 3, 0]


def test_official_depends_on_the_order_of_ids() -> None:
    m = MASKS[HD]
    sides = [[m.left, m.left], [m.right, m.right]], [[m.left, m.left], [m.right, m.right]]
    assert count(*sides, ids=[1, 2])[0] == [0, 0, 2]
    assert count(*sides, ids=[2, 1])[0] == [0, 0, 0]
    assert count(*sides, ids=[2, 1], protocol='corrected')[0] == [0, 0, 2]


def test_empty_gt_track_shifts_the_official_indices() -> None:
    m = MASKS[HD]
    sides = [[None], [m.left]], [[m.left]]
    assert count(*sides)[0] == [0, 0, 0]
    assert count(*sides, protocol='corrected')[0] == [0, 1, 0]


def test_official_compares_sets_of_classes() -> None:
    m = MASKS[HD]
    sides = [[m.left], [m.right]], [[m.left], [m.right]]
    assert count(*sides, labels=([1, 2], [1, 2]))[0] == [0, 0, 1]
    assert count(*sides, labels=([1, 2], [2, 1]))[0] == [0, 0, 0]
    # Two alternating tracks: the blank one adds its class to the set of each frame.
    alternating = [[m.left, None], [None, m.right]], [[m.left, m.blank], [m.blank, m.right]]
    assert count(*alternating, labels=([1, 2], [1, 2]))[0] == [0, 0, 0]
    assert count(*alternating, labels=([1, 2], [1, 2]), protocol='corrected')[0] == [0, 2, 0]


def test_iou_must_exceed_the_threshold() -> None:
    m = MASKS[HD]
    video = VideoOverlap.from_rles(
        TrackMasks([[m.full]]), TrackMasks([[m.left]]), size=HD, num_frames=1
    )
    for protocol in ('official', 'corrected'):
        correct = count_fsla(video, protocol=protocol).correct[1]
        np.testing.assert_array_equal(correct, ALPHAS < 0.5)
        assert correct.sum() == 9


def test_official_raises_on_null_masks() -> None:
    m = MASKS[HD]
    gt = [[m.left, m.left, m.left], [None, m.right, None], [None, None, m.right]]
    pred = [[m.left, m.left, m.left], [None, m.right, None], [None, None, m.right]]
    with pytest.raises(OfficialEvaluatorError, match=r'frame 1: .*null masks.*corrected') as error:
        count(gt, pred)
    assert error.value.cause == 'IndexError: index 2 is out of bounds for axis 0 with size 2'
    assert count(gt, pred, protocol='corrected') == [[0, 1, 2], [0, 1, 2]]
    with pytest.raises(OfficialEvaluatorError) as error:
        count([[m.left, None], [None, m.right]], [[m.left, None], [None, m.right]])
    assert error.value.cause == 'IndexError: list index out of range'


def plain_fsla(video: VideoOverlap, pairs: dict[int, int], alpha: float) -> list[bool]:
    """Whether each frame is correct, mask by mask, by definition."""
    correct = []
    for frame in range(video.num_frames):
        gt = [g for g in range(len(video.gt)) if video.gt.areas[g, frame]]
        pred = [p for p in range(len(video.pred)) if video.pred.areas[p, frame]]
        same = sorted(video.gt.labels[gt]) == sorted(video.pred.labels[pred])
        correct.append(
            same
            and all(
                pairs.get(g) in pred
                and video.gt.labels[g] == video.pred.labels[pairs[g]]
                and video.iou[frame, g, pairs[g]] > alpha
                for g in gt
            )
        )
    return correct


@given(video=small_videos)
def test_corrected_counts_equal_a_plain_loop(video: SmallVideo) -> None:
    # With one class and predictions copied from gt tracks the pairing is known.
    video.gt_labels[:] = 1
    copies = np.arange(len(video.gt))[: len(video.pred)]
    video.pred[: len(copies)] = video.gt[copies] & (np.arange(9)[:, None] > 1)
    video.pred_labels[:] = 1
    overlap = video.overlap()
    overlap = overlap.select(range(len(video.gt)), copies)
    counts = count_fsla(overlap, protocol='corrected')
    kinds = np.minimum((overlap.gt.areas > 0).sum(axis=0), 2)
    for column, alpha in enumerate(ALPHAS):
        correct = np.array(plain_fsla(overlap, {int(g): int(g) for g in copies}, alpha))
        assert counts.correct[:, column].tolist() == [
            int(correct[kinds == k].sum()) for k in range(3)
        ]


def test_kind_without_frames_is_nan() -> None:
    scores = FSLACounts().scores()
    assert np.isnan([scores[name].mean() for name in ('FA', 'FAn', 'FAs', 'FAm')]).all()
