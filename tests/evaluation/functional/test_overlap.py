import numpy as np
import pytest
from hypothesis import given

from avis.evaluation.functional.overlap import TrackMasks, VideoOverlap
from avis.structures.masks import RLE, encode_mask
from tests.helpers.small_videos import SIZE, SmallVideo, small_videos

MASK, BLANK = RLE(size=[1, 2], counts=b'02'), RLE(size=[1, 2], counts=b'2')


def intersect(gt: np.ndarray, pred: np.ndarray) -> np.ndarray:
    return np.einsum('gthw,pthw->tgp', gt.astype(int), pred.astype(int))


def merge(masks: np.ndarray) -> np.ndarray:
    """Label maps (T, H, W): later tracks hide earlier ones."""
    image = np.zeros(masks.shape[1:], np.uint8)
    for label, mask in enumerate(masks, start=1):
        image[mask] = label
    return image


@given(video=small_videos)
def test_counts_of_rles_equal_those_of_dense_masks(video: SmallVideo) -> None:
    got = video.overlap()
    np.testing.assert_array_equal(got.intersections, intersect(video.gt, video.pred))
    np.testing.assert_array_equal(got.gt.areas, video.gt.sum(axis=(2, 3)))
    np.testing.assert_array_equal(got.pred.areas, video.pred.sum(axis=(2, 3)))
    np.testing.assert_array_equal(got.pred.present, video.pred_present)
    union = (video.gt[:, None] | video.pred[None]).sum(axis=(3, 4)).transpose(2, 0, 1)
    np.testing.assert_array_equal(got.iou, got.intersections / np.maximum(union, 1))


@given(video=small_videos)
def test_merged_rles_equal_label_maps(video: SmallVideo) -> None:
    image, gt = merge(video.pred), merge(video.gt)
    maps = VideoOverlap.from_label_maps(zip(gt, image, strict=True), size=SIZE)
    labels = np.setdiff1d(image, [0])
    np.testing.assert_array_equal(maps.pred.ids, labels)
    areas = [(image == label).sum(axis=(1, 2)) for label in labels]
    np.testing.assert_array_equal(maps.pred.areas, np.reshape(areas, maps.pred.areas.shape))

    disjoint = np.array([gt == label for label in maps.gt.ids]).reshape(-1, *gt.shape)
    rles = [
        [[encode_mask(mask) for mask in track] for track in side] for side in (disjoint, video.pred)
    ]
    merged = VideoOverlap.from_rles(
        TrackMasks(rles[0], ids=maps.gt.ids),
        TrackMasks(rles[1], ids=range(1, len(video.pred) + 1)),
        size=SIZE,
        num_frames=video.num_frames,
        merged=True,
    )
    merged = merged.select(range(len(maps.gt)), merged.pred.ever_present)
    np.testing.assert_array_equal(merged.pred.ids, maps.pred.ids)
    np.testing.assert_array_equal(merged.pred.present, maps.pred.present)
    np.testing.assert_array_equal(merged.pred.areas, maps.pred.areas)
    np.testing.assert_array_equal(merged.intersections, maps.intersections)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16, np.int32])
def test_labels_of_any_integer_type_are_counted(dtype) -> None:
    gt = np.array([[0, 1, 1, 200]], dtype)
    pred = np.array([[3, 3, 0, 250]], dtype)
    video = VideoOverlap.from_label_maps([(gt, pred)], size=(1, 4))
    assert (video.gt.ids.tolist(), video.pred.ids.tolist()) == ([1, 200], [3, 250])
    assert video.intersections[0].tolist() == [[1, 0], [0, 1]]
    assert (video.gt.areas.tolist(), video.pred.areas.tolist()) == ([[2], [1]], [[2], [1]])


def test_more_than_255_masks_are_counted() -> None:
    tracks = TrackMasks([[MASK] * 300])
    assert VideoOverlap.from_rles(tracks, tracks, size=(1, 2), num_frames=300).iou.all()
    tracks = TrackMasks([[MASK]] * 300)
    video = VideoOverlap.from_rles(tracks, tracks, size=(1, 2), num_frames=1, merged=True)
    assert video.intersections[0, :, -1].all()
    assert not video.intersections[0, :, :-1].any()


def test_blank_and_absent_masks_are_distinguished() -> None:
    tracks = TrackMasks([[MASK, BLANK, None]])
    video = VideoOverlap.from_rles(tracks, tracks, size=(1, 2), num_frames=3)
    assert video.pred.present.tolist() == [[True, True, False]]
    assert (video.pred.num_masks, video.without_blanks().pred.num_masks) == (2, 1)
    assert video.pred.sizes.tolist() == [2.0]


def test_of_class_selects_tracks_with_a_mask() -> None:
    gt = TrackMasks([[MASK], [None], [MASK]], labels=[1, 1, 2], ids=[5, 6, 7])
    pred = TrackMasks([[MASK], [BLANK]], labels=[2, 1])
    video = VideoOverlap.from_rles(gt, pred, size=(1, 2), num_frames=1).of_class(1)
    assert (video.gt.ids.tolist(), video.pred.ids.tolist()) == ([5], [1])
    assert video.intersections.shape == (1, 1, 1)


def test_video_without_tracks_is_valid() -> None:
    empty = VideoOverlap.from_rles(TrackMasks([]), TrackMasks([]), size=(1, 2), num_frames=3)
    assert empty.iou.shape == (3, 0, 0)
    images = [(np.zeros((1, 2), np.uint8),) * 2] * 3
    assert VideoOverlap.from_label_maps(images, size=(1, 2)).iou.shape == (3, 0, 0)
    assert VideoOverlap.from_label_maps([], size=(1, 2)).iou.shape == (0, 0, 0)


@pytest.mark.parametrize(
    ('gt', 'message'),
    [
        (TrackMasks([[MASK]]), 'ground truth, track 0: 1 masks in a video of 2 frames'),
        (
            TrackMasks([[None, RLE(size=[2, 1], counts=b'02')]]),
            r'track 0, frame 1: mask of size \[2, 1\] in a video of \[1, 2\]',
        ),
        (TrackMasks([[MASK, MASK]], labels=[1, 2]), 'expected 1 labels, one per track, got 2'),
        (TrackMasks([[MASK, MASK]] * 2, ids=[3, 3]), r'expected unique ids .*, got \[3, 3\]'),
    ],
)
def test_invalid_tracks_raise_with_track_and_frame(gt: TrackMasks, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VideoOverlap.from_rles(gt, TrackMasks([]), size=(1, 2), num_frames=2)


@pytest.mark.parametrize(
    ('image', 'message'),
    [
        (np.zeros((2, 2), np.uint8), r'prediction, frame 0: image of shape \(2, 2\)'),
        (np.full((1, 2), -1), 'expected labels as integers from 0 on'),
        (np.zeros((1, 2)), 'expected labels as integers from 0 on'),
    ],
)
def test_invalid_label_maps_raise_with_the_frame(image: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VideoOverlap.from_label_maps([(np.zeros((1, 2), np.uint8), image)], size=(1, 2))
