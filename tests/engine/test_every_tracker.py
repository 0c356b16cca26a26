"""Every tracker with every frame head, with and without audio: from files to scores."""

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
COMBINATIONS = list(product(TRACKERS, HEADS, [True, False]))


@pytest.fixture(scope='module')
def root(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('people') / 'aviseg'
    settings = {'seconds': 5, 'size': (64, 64), 'people_only': True, 'seed': 0}
    make_dataset(layout='aviseg', out=folder, videos=5, splits=(2, 1, 2), **settings)
    return folder


def official_model(name: str):
    return load_config(CONFIGS / 'avism' / f'{name}.py').model


def configured(tracker: str, head: str, with_audio: bool, root: Path):
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
    for split in ('train', 'test'):
        dataset = config[f'{split}_dataloader'].dataset
        dataset.data_root = str(root)
        if not with_audio:
            dataset.pipeline.mute_audio = {'type': 'MuteAudio'}
    return config


def name_of(tracker: torch.nn.Module) -> str:
    boxes = getattr(tracker, 'tracker', None)
    return type(tracker).__name__ if boxes is None else boxes['type'].__name__


@pytest.mark.parametrize(('tracker', 'head', 'with_audio'), COMBINATIONS)
def test_model_trains_a_step_predicts_and_is_scored(tracker, head, with_audio, root) -> None:
    config = configured(tracker, head, with_audio, root)
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    assert (name_of(model.tracker), type(model.frame_head).__name__) == (tracker, head)

    train, test = (DATASETS.build(config[f'{s}_dataloader'].dataset) for s in ('train', 'test'))
    with fixed_randomness(0):
        batch = pseudo_collate([train[0], train[1]])
    assert all(bool(audio.any()) == with_audio for audio in batch['inputs']['audio'])
    before = model.frame_head.query_feat.weight.clone()
    optimizer = OptimWrapper(torch.optim.AdamW(model.parameters(), lr=1e-3))
    losses = model.train().train_step(batch, optimizer)
    assert len(losses) == 1 + 12 + (7 if tracker == 'ClipQueryTracker' else 0)
    assert all(torch.isfinite(value) for value in losses.values())
    assert not torch.equal(model.frame_head.query_feat.weight, before)

    evaluator = Evaluator([config.test_evaluator])
    evaluator.dataset_meta = test.metainfo
    model.eval()
    found = 0
    for index in range(len(test)):
        (sample,) = model.test_step(pseudo_collate([test[index]]))
        found += len(sample.pred_tracks)
        evaluator.process([sample])
    assert found > 0
    scores = evaluator.evaluate(len(test))
    for name in ('HOTA', 'AssA', 'DetA', 'AP_all', 'FA'):
        assert 0 <= scores[f'aviseg_corrected/{name}'] <= 100


def test_combinations_are_unique(root) -> None:
    assert len(COMBINATIONS) == 5 * 2 * 2
    models = {str(configured(*which, root).to_dict()) for which in COMBINATIONS}
    assert len(models) == len(COMBINATIONS)
