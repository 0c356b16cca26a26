"""Models and clips of gpu.py: published configs with seeded random weights, data made in memory."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).resolve().parents[1]
for folder in (ROOT, *sorted((ROOT / 'projects').iterdir())):
    sys.path.append(str(folder))

import avis  # noqa: E402, F401 - before mmdet: replaces mmcv's compiled ops


@dataclass(frozen=True)
class Entry:
    """One model.

    Attributes:
        config: The published config.
        small: A small config of the same method, for machines without a GPU.
        kind: Of its data: label maps, instance tracks, or face tracks.
        size: Height and width of the frames whose speed is measured.
        clips: Clips per training step; the frames of one are ``TRAINING_FRAMES``.
    """

    config: str
    small: str
    kind: Literal['semantic', 'instances', 'speaker']
    size: tuple[int, int] = (384, 640)
    clips: int = 2


ENTRIES = {
    'tpavi_r50': Entry(
        'configs/avs/tpavi/tpavi_r50_s4.py',
        'configs/avs/demo_tpavi_synthetic.py',
        'semantic',
        (224, 224),
        4,
    ),
    'avism_r50': Entry(
        'configs/avis/avism/avism_r50_in_aviseg.py',
        'configs/avis/demo_avism_synthetic.py',
        'instances',
    ),
    'vita_r50': Entry(
        'projects/vita/configs/vita_r50_coco_ovis.py',
        'projects/vita/configs/demo_vita_synthetic.py',
        'instances',
    ),
    'lbvq_r50': Entry(
        'projects/lbvq/configs/lbvq_r50_coco_ovis.py',
        'projects/lbvq/configs/demo_lbvq_synthetic.py',
        'instances',
    ),
    'cavis_online_r50': Entry(
        'projects/cavis/configs/cavis_online_r50_ovis.py',
        'projects/cavis/configs/demo_cavis_online_synthetic.py',
        'instances',
    ),
    'h2s_r50': Entry(
        'projects/h2s/configs/h2s_r50_in_aviseg.py',
        'projects/h2s/configs/demo_h2s_synthetic.py',
        'instances',
    ),
    'acvis_r50': Entry(
        'projects/acvis/configs/acvis_r50_in_aviseg.py',
        'projects/acvis/configs/demo_acvis_synthetic.py',
        'instances',
    ),
    'avsegformer_r50': Entry(
        'projects/avsegformer/configs/avsegformer_r50_s4.py',
        'projects/avsegformer/configs/avsegformer_small_synthetic.py',
        'semantic',
        (512, 512),
    ),
    'aavs_swinb': Entry(
        'projects/aavs/configs/aavs_swinb_s4.py',
        'projects/aavs/configs/demo_aavs_synthetic.py',
        'semantic',
        (384, 384),
        1,
    ),
    'combo_r50': Entry(
        'projects/combo/configs/combo_r50_s4.py',
        'projects/combo/configs/demo_combo_synthetic.py',
        'semantic',
        (224, 224),
    ),
    'lr_asd': Entry(
        'configs/asd/lr_asd_ava.py', 'configs/asd/demo_lr_asd_synthetic.py', 'speaker', clips=8
    ),
    'tpavi_pvtv2b5': Entry(
        'configs/avs/tpavi/tpavi_pvtv2b5_s4.py',
        'configs/avs/demo_tpavi_synthetic.py',
        'semantic',
        (224, 224),
        4,
    ),
    'avism_swinl': Entry(
        'configs/avis/avism/avism_swinl_in_aviseg.py',
        'configs/avis/demo_avism_synthetic.py',
        'instances',
    ),
}
TRAINING_FRAMES = 5


def config_path(entry: Entry, small: bool) -> Path:
    """The config file of a model."""
    return ROOT / (entry.small if small else entry.config)


def build_model(entry: Entry, *, small: bool, deterministic: bool = False) -> Any:
    """Build a model with random weights that are always the same.

    Args:
        entry: Which model.
        small: Build the small config.
        deterministic: Without dropout and stochastic depth, clusters with a seed.
    """
    import torch
    from mmengine.registry import init_default_scope
    from torch import nn

    from avis.apis import load_config
    from avis.registry import MODELS
    from tests.helpers.small_configs import without_pretrained

    config = load_config(config_path(entry, small)).model
    without_pretrained(config)
    if config.get('audio_encoder') and not config.audio_encoder.get('frozen', True):
        config.audio_encoder.weights = None
    if 'max_candidates' in config.get('tracker', {}) or entry.config.startswith('configs/avis'):
        config.tracker.update(max_candidates=10)
    if deterministic:
        _remove_randomness(config)
    init_default_scope('avis')
    torch.manual_seed(0)
    model = MODELS.build(config)
    for block in getattr(model, 'fusions', ()):
        nn.init.ones_(block.norm.weight)  # initialized with 0, which would make the block a no-op
    if hasattr(getattr(model, 'tracker', None), 'score_threshold'):
        model.tracker.score_threshold = -1.0  # random weights find nothing above the usual one
    return model


def _remove_randomness(config: Any) -> None:
    for key, value in config.items():
        if isinstance(value, dict):
            _remove_randomness(value)
        elif key in ('dropout', 'drop_path_rate'):
            config[key] = 0.0
        elif key == 'cluster_seed':
            config[key] = 0
    if config.get('type') is not None and getattr(config.type, '__name__', '') == 'LRASD':
        config.dropout = 0.0


def make_optimizer(model: Any) -> Any:
    """AdamW of all trained weights."""
    import torch

    return torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-6)


def train_step(model: Any, data: dict[str, Any], optimizer: Any) -> None:
    """Forward, backward and update."""
    losses = model(**data, mode='loss')
    optimizer.zero_grad()
    sum(value for name, value in losses.items() if name.startswith('loss')).backward()
    optimizer.step()
