from pathlib import Path

import mmdet
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from avis.apis import load_config
from avis.avtracker.instance_trackers.segmentor_tracker import DetectorTracker, SegmentorTracker
from avis.models.trackers.detections import Detector
from avis.registry import MODELS
from tests.helpers.people import noise_frames
from tests.helpers.small_configs import shrink, without_pretrained

ROOT = Path(__file__).resolve().parents[3]


def check(found, frames):
    assert [frame for frame, _ in found] == list(range(len(frames)))
    for _, one in found:
        assert list(one.ids) == sorted(set(one.ids.tolist()))
        assert len(one) == len(one.masks) == len(one.scores) == len(one.boxes)
        assert all(tuple(mask['size']) == frames.size for mask in one.masks)
    return found


@pytest.fixture(scope='module')
def segmentor():
    config = load_config(ROOT / 'configs/avis/avism/ablations/avism_r50_in_aviseg_maskoverlap.py')
    init_default_scope('avis')
    without_pretrained(config.model)
    shrink(config.model)
    detector = {'type': Detector, 'score_threshold': 0.0}
    config.model.tracker.update(new_track_score=0.0, detector=detector)
    torch.manual_seed(0)
    return MODELS.build(config.model)


@pytest.mark.parametrize('count', [1, 7])
def test_segmentor_of_avis_tracks_in_windows(segmentor, count):
    frames = noise_frames(count)
    part = SegmentorTracker(
        model=segmentor, min_score=0.0, short_side=64, window_frames=4, overlap=1
    )
    found = check(list(part.track(frames, prompt='person')), frames)
    assert sum(len(one) for _, one in found) > 0


def test_tracks_are_filtered_by_score_and_class(segmentor):
    frames = noise_frames(2)
    for options in ({'min_score': 2.0}, {'min_score': 0.0, 'labels': ()}):
        part = SegmentorTracker(model=segmentor, short_side=None, **options)
        found = check(list(part.track(frames, prompt='person')), frames)
        assert [len(one) for _, one in found] == [0, 0]
    assert list(SegmentorTracker(model=segmentor).track(noise_frames(0), prompt='person')) == []
    with pytest.raises(ValueError, match='window_frames=4'):
        SegmentorTracker(model=segmentor, window_frames=4)


def solo():
    """SOLO of mmdet: an instance segmentor that needs no compiled operators."""
    folder = Path(mmdet.__file__).parent / '.mim/configs/solo'
    config = Config.fromfile(folder / 'solo_r50_fpn_1x_coco.py')
    config.model.backbone.update(depth=18, init_cfg=None)
    config.model.neck.update(in_channels=[64, 128, 256, 512], out_channels=32)
    config.model.mask_head.update(in_channels=32, feat_channels=32, stacked_convs=1)
    config.model.mask_head.num_grids = [8, 6, 4, 4, 4]
    config.model.test_cfg.update(score_thr=0.0, filter_thr=0.0, mask_thr=0.3, max_per_img=4)
    config.test_dataloader.dataset.pipeline[1].scale = (96, 64)
    return config


def test_detections_of_mmdet_are_associated_across_frames():
    torch.manual_seed(0)
    frames = noise_frames(3)
    part = DetectorTracker(config=solo(), labels=range(80), min_score=0.0, device='cpu')
    empty = DetectorTracker(config=solo(), labels=(), min_score=0.0, device='cpu')
    # mmdet resets the warning filters before it warns.
    with pytest.warns(UserWarning, match='checkpoint is None'):
        tracked = list(part.track(frames, prompt='person'))
    with pytest.warns(UserWarning, match='checkpoint is None'):
        untracked = list(empty.track(frames, prompt='person'))
    found = check(tracked, frames)
    assert all(len(one) for _, one in found)
    assert np.intersect1d(found[0][1].ids, found[1][1].ids).size
    assert [len(one) for _, one in untracked] == [0, 0, 0]
