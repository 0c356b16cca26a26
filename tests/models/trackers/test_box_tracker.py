import pytest
import torch

from avis.models.trackers import box_tracker
from avis.registry import MODELS
from tests.helpers.online_trackers import TRACKERS, paths, run
from tests.helpers.tracker_scenes import predictions, window

both = pytest.mark.parametrize('name', ['byte', 'oc'])


def wandering(length):
    """Three boxes that appear, disappear and meet."""
    return [
        {
            k: (4 + (3 * t * (k + 1)) % 50, 2 + 10 * k)
            for k in range(3)
            if (t + 7 * k) % 40 > 4 or k == 0
        }
        for t in range(length)
    ]


@both
def test_result_does_not_depend_on_cut_history(name, monkeypatch):
    scene = predictions(wandering(120))
    cut = run(name, scene)
    monkeypatch.setattr(box_tracker, '_cut_history', lambda tracker: None)
    assert paths(run(name, scene)) == paths(cut)


@both
def test_history_of_a_track_stays_short(name):
    tracker = MODELS.build(TRACKERS[name])
    state = tracker.start()
    for start in range(0, 200, 50):
        scene = predictions([{0: (8, 8)}] * 50)
        tracker.update(state, scene, torch.zeros(1, 50, 4), window(start))
    (track,) = state.memory.tracks.values()
    assert max(len(values) for values in track.values() if isinstance(values, list)) < 30


@both
def test_equal_boxes_keep_all_masks(name):
    detector = {'type': 'Detector', 'duplicate_iou': None}
    scene = predictions([{0: (8, 8), 1: (8, 8)}] * 3)
    found = run(name, scene, detector=detector)
    assert [len([rle for rle in path if rle]) for path in paths(found)] == [3, 3]


def test_invalid_tracker_config_raises_at_construction():
    with pytest.raises(TypeError, match='init_trak_thr'):
        MODELS.build(
            {**TRACKERS['byte'], 'tracker': {**TRACKERS['byte']['tracker'], 'init_trak_thr': 1}}
        )
