"""Every tracker with every frame head, on clips with and without audio: from files to scores."""

from copy import deepcopy
from itertools import product
from pathlib import Path

import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.evaluator import Evaluator
from mmengine.optim import OptimWrapper

from avis.apis import load_config
from avis.engine.randomness import fixed_randomness
from avis.registry import DATASETS, MODELS
from avis.synthetic.generator import make_dataset

CONFIGS = Path(__file__).parents[2] / 'configs' / 'avis'
# Config of avism/ that contains the tracker, or the head.
TRACKERS = {
    'ClipQueryTracker': 'avism_r50_in_aviseg',
    'QueryMatchingTracker': 'ablations/avism_r50_in_aviseg_querymatching',
    'MaskOverlapTracker': 'ablations/avism_r50_in_aviseg_maskoverlap',
    'ByteTracker': 'ablations/avism_r50_in_aviseg_bytetrack',
    'OCSORTTracker': 'ablations/avism_r50_in_aviseg_ocsort',
}
HEADS = {
    'AVISMFrameHead': 'avism_r50_in_aviseg',
    'Mask2FormerFrameHead': 'ablations/avism_r50_in_aviseg_noaudio',
}
# All scores are low after one step: thresholds of 0 let predictions reach the metric.
DETECTOR = {'type': 'Detector', 'score_threshold': 0.0, 'max_per_frame': 4}
ONLINE = {'detector': DETECTOR, 'new_track_score': 0.0}
BYTE = {'init_track_thr': 0.0, 'obj_score_thrs': {'high': 0.0, 'low': 0.0}}
OC = {'init_track_thr': 0.0, 'obj_score_thr': 0.0}
NO_THRESHOLDS = {
    'ClipQueryTracker': {'score_threshold': 0.0},
    'QueryMatchingTracker': ONLINE,
    'MaskOverlapTracker': ONLINE,
    'ByteTracker': {'detector': DETECTOR, 'tracker': BYTE},
    'OCSORTTracker': {'detector': DETECTOR, 'tracker': OC},
}
COMBINATIONS = list(product(TRACKERS, HEADS))


@pytest.fixture(scope='module')
def root(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('people') / 'aviseg'
    settings = {'seconds': 5, 'size': (64, 64), 'people_only': True, 'seed': 0}
    make_dataset(layout='aviseg', out=folder, videos=5, splits=(2, 1, 2), **settings)
    return folder


def official_model(name: str):
    return load_config(CONFIGS / 'avism' / f'{name}.py').model


def configured(tracker: str, head: str):
    """The config of the demo with tracker and head of the full-size configs."""
    config = load_config(CONFIGS / 'demo_avism_synthetic.py')
    model = config.model
    if tracker != 'ClipQueryTracker':
        model.tracker = official_model(TRACKERS[tracker]).tracker
    model.frame_head.type = official_model(HEADS[head]).frame_head.type
    if head == 'Mask2FormerFrameHead':
        model.frame_head.pop('audio_fusion')
    config.merge_from_dict(
        {'model.tracker': NO_THRESHOLDS[tracker], 'model.sounding_gate.threshold': 0}
    )
    return config


@pytest.fixture(scope='module')
def data(root) -> dict:
    """Data sets ``train`` and ``test``, and ``train_muted`` and ``test_muted`` without audio."""
    found = {}
    for name in ('train', 'test'):
        dataset = load_config(CONFIGS / 'demo_avism_synthetic.py')[f'{name}_dataloader'].dataset
        dataset.data_root = str(root)
        found[name] = DATASETS.build(deepcopy(dataset))
        dataset.pipeline.mute_audio = {'type': 'MuteAudio'}
        found[f'{name}_muted'] = DATASETS.build(dataset)
    return found


def name_of(tracker: torch.nn.Module) -> str:
    boxes = getattr(tracker, 'tracker', None)
    return type(tracker).__name__ if boxes is None else boxes['type'].__name__


@pytest.mark.parametrize(('tracker', 'head'), COMBINATIONS)
def test_model_trains_a_step_predicts_and_is_scored(tracker, head, data) -> None:
    config = configured(tracker, head)
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    assert (name_of(model.tracker), type(model.frame_head).__name__) == (tracker, head)

    with fixed_randomness(0):
        batch = pseudo_collate([data['train'][0], data['train_muted'][1]])
    assert [bool(audio.any()) for audio in batch['inputs']['audio']] == [True, False]
    before = model.frame_head.query_feat.weight.clone()
    optimizer = OptimWrapper(torch.optim.AdamW(model.parameters(), lr=1e-3))
    losses = model.train().train_step(batch, optimizer)
    assert len(losses) == 1 + 12 + (7 if tracker == 'ClipQueryTracker' else 0)
    assert all(torch.isfinite(value) for value in losses.values())
    assert not torch.equal(model.frame_head.query_feat.weight, before)

    evaluator = Evaluator([config.test_evaluator])
    evaluator.dataset_meta = data['test'].metainfo
    model.eval()
    videos = [data['test'][0], data['test_muted'][1]]
    assert len(data['test']) == len(videos)
    for video in videos:
        (sample,) = model.test_step(pseudo_collate([video]))
        assert len(sample.pred_tracks) > 0
        evaluator.process([sample])
    scores = evaluator.evaluate(len(videos))
    for name in ('HOTA', 'AssA', 'DetA', 'AP_all', 'FA'):
        assert 0 <= scores[f'aviseg_corrected/{name}'] <= 100


def test_combinations_are_unique() -> None:
    assert len(COMBINATIONS) == 5 * 2
    models = {str(configured(*which).to_dict()) for which in COMBINATIONS}
    assert len(models) == len(COMBINATIONS)
