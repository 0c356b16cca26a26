import numpy as np
import pytest

from avis.models.trackers.stitching import StitchedTracks, WindowTracks
from tests.helpers.tracker_scenes import SIZE, box_rle, embed_of, window


def tracks_of(*instances, label=0, score=0.5):
    """Tracks of one window: each instance is (id, boxes over the frames)."""
    return WindowTracks(
        labels=[label] * len(instances),
        scores=[score] * len(instances),
        embeds=np.stack([embed_of(name) for name, _ in instances]),
        rles=[[box_rle(box) for box in boxes] for _, boxes in instances],
        num_frames=len(instances[0][1]),
    )


def test_single_window_is_returned_unchanged():
    given = WindowTracks(
        labels=[2, 0],
        scores=[np.float32(0.3), np.float32(0.7)],
        embeds=np.zeros((2, 8)),
        rles=[[box_rle((0, 0)), None, box_rle((2, 0))], [None, box_rle((5, 5)), None]],
        num_frames=3,
    )
    stitched = StitchedTracks()
    stitched.add(given, window())
    found = stitched.to_instances()
    assert found.labels.tolist() == [2, 0]
    assert found.scores.tolist() == [np.float32(0.3), np.float32(0.7)]
    assert [mask.rles for mask in found.masks] == given.rles
    assert (found.masks[0].height, found.masks[0].width) == SIZE


def test_masks_in_shared_frames_match_tracks_in_any_order():
    stitched = StitchedTracks()
    left, right = [(t, 0) for t in range(6)], [(50 - t, 16) for t in range(6)]
    # Embeddings contradict the masks, which must decide.
    stitched.add(tracks_of((0, left[:4]), (1, right[:4])), window())
    stitched.add(tracks_of((0, right[2:]), (1, left[2:])), window(2))
    found = stitched.to_instances()
    assert found.ids.tolist() == [0, 1]
    assert found.masks[0].rles == [box_rle(box) for box in left]
    assert found.masks[1].rles == [box_rle(box) for box in right]


def test_masks_of_earlier_window_are_kept():
    stitched = StitchedTracks()
    stitched.add(tracks_of((0, [(0, 0)] * 3)), window())
    stitched.add(tracks_of((0, [(1, 0)] * 3)), window(1))
    (masks,) = stitched.to_instances().masks
    assert masks.rles == [box_rle((0, 0))] * 3 + [box_rle((1, 0))]


def test_without_shared_frames_embeddings_match_tracks():
    stitched = StitchedTracks()
    stitched.add(tracks_of((0, [(0, 0)] * 2), (1, [(20, 0)] * 2)), window())
    stitched.add(tracks_of((1, [(0, 0)] * 2), (0, [(20, 0)] * 2)), window(2))
    first, second = stitched.to_instances().masks
    assert first.rles == [box_rle((0, 0))] * 2 + [box_rle((20, 0))] * 2
    assert second.rles == [box_rle((20, 0))] * 2 + [box_rle((0, 0))] * 2


def test_disjoint_masks_in_shared_frames_are_not_matched_by_appearance():
    stitched = StitchedTracks()
    stitched.add(tracks_of((0, [(0, 0)] * 3)), window())
    stitched.add(tracks_of((0, [(30, 0)] * 3)), window(2))
    assert len(stitched.to_instances()) == 2


def test_absent_instance_returns_to_its_track():
    stitched = StitchedTracks()
    stitched.add(tracks_of((3, [(0, 0)] * 2)), window())
    stitched.add(
        WindowTracks(labels=[], scores=[], embeds=np.zeros((0, 8)), rles=[], num_frames=2),
        window(2),
    )
    stitched.add(tracks_of((3, [(40, 8)] * 2)), window(4))
    found = stitched.to_instances()
    assert len(found) == 1
    assert len(found.masks[0]) == 6
    assert found.masks[0].rles[2:4] == [None, None]


def test_class_and_score_are_weighted_by_new_frames():
    stitched = StitchedTracks()
    stitched.add(tracks_of((0, [(0, 0)] * 3), label=1, score=0.9), window())
    stitched.add(tracks_of((0, [(0, 0)] * 3), label=2, score=0.6), window(2))
    found = stitched.to_instances()
    assert found.labels.tolist() == [1]
    assert found.scores.tolist() == pytest.approx([0.9 * 3 / 5])


def test_one_query_with_two_classes_stays_two_tracks():
    stitched = StitchedTracks()
    for start in (0, 2):
        both = WindowTracks(
            labels=[1, 2] if start == 0 else [2, 1],
            scores=[0.9, 0.4] if start == 0 else [0.4, 0.9],
            embeds=np.ones((2, 8)),
            rles=[[box_rle((0, 0))] * 3] * 2,
            num_frames=3,
        )
        stitched.add(both, window(start))
    found = stitched.to_instances()
    assert found.labels.tolist() == [1, 2]
    assert found.scores.tolist() == pytest.approx([0.9, 0.4])


def test_windows_without_tracks_return_no_tracks():
    stitched = StitchedTracks()
    stitched.add(
        WindowTracks(labels=[], scores=[], embeds=np.zeros((0, 8)), rles=[], num_frames=2), window()
    )
    found = stitched.to_instances()
    assert len(found.labels) == 0
    assert list(found.masks) == []


def test_gaps_and_changing_sizes_raise():
    stitched = StitchedTracks()
    stitched.add(tracks_of((0, [(0, 0)] * 2)), window())
    with pytest.raises(ValueError, match='at frame 2 or before, got one that starts at frame 3'):
        stitched.add(tracks_of((0, [(0, 0)] * 2)), window(3))
    with pytest.raises(ValueError, match=r'size \(32, 64\) as before, got size \(8, 8\)'):
        stitched.add(tracks_of((0, [(0, 0)] * 2)), window(2, (8, 8)))
    with pytest.raises(ValueError, match='at frame 2 or later, got one that ends at frame 1'):
        stitched.add(tracks_of((0, [(0, 0)])), window(0))
