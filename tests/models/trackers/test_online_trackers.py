"""Synthetic scenes for every online tracker."""

import pytest
import torch

from avis.models.trackers.base import TrackerWindow
from avis.models.trackers.sounding_gate import SoundingGate
from avis.registry import MODELS
from tests.helpers.online_trackers import TRACKERS, paths, run
from tests.helpers.tracker_scenes import SIZE, box_rle, predictions, window

every = pytest.mark.parametrize('name', list(TRACKERS))


def crossing(length=25):
    """Two boxes that pass each other: in the middle their masks touch, but do not overlap."""
    return [{0: (2 * t, 4), 1: (48 - 2 * t, 14)} for t in range(length)]


@every
def test_crossing_instances_keep_their_ids(name):
    scene = crossing()
    found = run(name, predictions(scene, labels={1: 2}))
    assert found.labels.tolist() == [0, 2] or found.labels.tolist() == [2, 0]
    order = found.labels.argsort().tolist()
    for track, number in zip(order, (0, 1), strict=True):
        assert paths(found)[track] == [box_rle(boxes[number]) for boxes in scene]
    assert found.scores == pytest.approx([0.9, 0.9], abs=1e-3)
    assert len(set(found.ids.tolist())) == 2


@every
@pytest.mark.parametrize(('cuts', 'overlap'), [((3, 7), 0), ((1, 2, 24), 0), ((5, 10), 3)])
def test_result_does_not_depend_on_windows(name, cuts, overlap):
    scene = predictions(crossing())
    whole, streamed = run(name, scene), run(name, scene, cuts=cuts, overlap=overlap)
    assert paths(streamed) == paths(whole)
    for key in ('ids', 'labels', 'scores'):
        assert torch.equal(streamed[key], whole[key])


@every
def test_short_absence_keeps_the_id(name):
    scene = [{0: (8, 8)} if t not in (5, 6) else {} for t in range(12)]
    found = run(name, predictions(scene))
    assert paths(found) == [[box_rle(boxes.get(0)) for boxes in scene]]


@pytest.mark.parametrize('name', ['query', 'overlap'])
def test_instance_returning_elsewhere_is_matched_by_appearance(name):
    scene = [{0: (8, 8)}] * 3 + [{}] * 3 + [{0: (48, 20), 1: (8, 8)}] * 3
    found = run(name, predictions(scene))
    assert paths(found) == [
        [box_rle(boxes.get(0)) for boxes in scene],
        [box_rle(boxes.get(1)) for boxes in scene],
    ]


@pytest.mark.parametrize('name', ['query', 'overlap'])
def test_absence_longer_than_max_age_starts_new_track(name):
    scene = [{0: (8, 8)}, {}, {}, {}, {0: (8, 8)}]
    assert len(run(name, predictions(scene), max_age=4)) == 1
    assert len(run(name, predictions(scene), max_age=3)) == 2


def test_zero_appearance_weight_matches_by_overlap_only():
    scene = predictions([{0: (8, 8)}, {1: (10, 8)}, {0: (48, 8)}])
    found = run('overlap', scene, appearance=0.0)
    assert paths(found) == [
        [box_rle((8, 8)), box_rle((10, 8)), None],
        [None, None, box_rle((48, 8))],
    ]


def test_query_matching_ignores_position():
    scene = [{0: (8, 8), 1: (40, 8)}, {0: (40, 8), 1: (8, 8)}] * 2
    found = run('query', predictions(scene))
    assert {tuple(map(str, path)) for path in paths(found)} == {
        tuple(str(box_rle(boxes[number])) for boxes in scene) for number in (0, 1)
    }


@pytest.mark.parametrize('name', ['query', 'overlap'])
def test_weak_detection_continues_but_does_not_start_a_track(name):
    weak = {(0, 0): 0.3, (0, 2): 0.3}
    found = run(name, predictions([{0: (8, 8)}] * 3, confidence=weak))
    assert paths(found) == [[None, box_rle((8, 8)), box_rle((8, 8))]]
    assert found.scores.tolist() == pytest.approx([0.6], abs=1e-3)


@every
def test_class_and_score_are_means_over_frames(name):
    scene = predictions([{0: (8, 8)}] * 4, labels={0: 1})
    flipped = predictions([{0: (8, 8)}] * 4, labels={0: 2}, confidence={(0, 1): 0.8})
    scene.class_logits[0, 1] = flipped.class_logits[0, 1]
    found = run(name, scene)
    assert found.labels.tolist() == [1]
    assert found.scores.tolist() == pytest.approx([3 * 0.9 / 4], abs=1e-3)


@every
def test_video_without_detections_has_no_tracks(name):
    found = run(name, predictions([{}] * 3), cuts=(2,))
    assert [len(found[key]) for key in ('labels', 'scores', 'ids', 'masks')] == [0] * 4


@every
def test_single_frame_video_is_tracked(name):
    found = run(name, predictions([{0: (8, 8)}]))
    assert paths(found) == [[box_rle((8, 8))]]


@every
def test_silent_frames_have_no_mask_and_keep_the_id(name):
    silent = {(0, t): 0.4 for t in (3, 4)}
    scene = predictions([{0: (8, 8)}] * 8, confidence=silent)
    found = run(name, scene, gate=SoundingGate(source='class', threshold=0.5))
    assert paths(found) == [[None if t in (3, 4) else box_rle((8, 8)) for t in range(8)]]


@every
def test_an_instance_that_never_sounds_is_not_reported(name):
    gate = SoundingGate(source='class', threshold=0.95)
    assert len(run(name, predictions([{0: (8, 8)}] * 3), gate=gate).masks) == 0


@every
def test_short_and_weak_tracks_are_dropped(name):
    scene = predictions([{0: (8, 8), 1: (40, 8)}, {0: (8, 8)}], confidence={(1, 0): 0.95})
    assert paths(run(name, scene, min_frames=2)) == [[box_rle((8, 8))] * 2]
    assert paths(run(name, scene, max_tracks=1)) == [[box_rle((40, 8)), None]]


@every
def test_videos_are_independent(name):
    tracker = MODELS.build(TRACKERS[name])
    found = []
    for _ in range(2):
        state = tracker.start()
        tracker.update(state, predictions(crossing(4)), torch.zeros(1, 4, 4), window())
        found.append(tracker.finish(state))
    assert found[0].ids.tolist() == found[1].ids.tolist()
    assert paths(found[0]) == paths(found[1])


@every
def test_masks_have_original_size(name):
    tracker = MODELS.build(TRACKERS[name])
    state = tracker.start()
    sizes = TrackerWindow(0, SIZE, (24, 60), (48, 120))
    tracker.update(state, predictions([{0: (8, 8)}]), torch.zeros(1, 1, 4), sizes)
    (track,) = tracker.finish(state).masks
    assert (track.height, track.width) == (48, 120)
    assert track.boxes[0].tolist() == pytest.approx([16, 16, 16, 16], abs=1)


@every
def test_online_trackers_have_no_parameters_and_losses(name):
    tracker = MODELS.build(TRACKERS[name])
    scene, audio = predictions([{0: (8, 8)}]), torch.zeros(1, 1, 4)
    assert tracker(scene, audio) == {}
    assert tracker.loss(scene, audio, [], []) == {}
    assert not list(tracker.parameters())


@every
def test_gap_between_windows_raises(name):
    tracker = MODELS.build(TRACKERS[name])
    state = tracker.start()
    with pytest.raises(
        ValueError, match='starts at frame 0 or before, got one that starts at frame 1'
    ):
        tracker.update(state, predictions([{}]), torch.zeros(1, 1, 4), window(1))
