"""Models and clips of gpu.py: published configs with seeded random weights, data made in memory."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).resolve().parents[1]
for folder in (ROOT, *sorted((ROOT / 'projects').iterdir())):
    sys.path.append(str(folder))

import avis  # noqa: E402, F401 - before mmdet: replaces mmcv's compiled ops

FACE = 112  # pixels
RATE = 16000  # samples of a face track's audio per second


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


def make_batch(
    entry: Entry, model: Any, *, clips: int, frames: int, size: tuple[int, int]
) -> dict[str, Any]:
    """Make a batch as the data loader does: ``inputs`` and ``data_samples`` on the CPU."""
    import torch
    from mmengine.dataset import pseudo_collate

    rng = torch.Generator().manual_seed(1)
    if entry.kind == 'speaker':
        return pseudo_collate([_face_track(frames, index, rng) for index in range(clips)])
    return pseudo_collate([_clip(entry, model, frames, size, rng) for _ in range(clips)])


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


def _face_track(frames: int, index: int, rng: Any) -> dict[str, Any]:
    """A track of noise in which the face speaks in every second frame."""
    import torch

    from avis.structures.av_data_sample import AVDataSample

    sample = AVDataSample(metainfo={'fps': 25.0, 'video_name': str(index), 'seed': (0, 0, index)})
    sample.gt_speaking = torch.arange(frames) % 2
    faces = torch.randint(0, 256, (frames, FACE, FACE), dtype=torch.uint8, generator=rng)
    audio = torch.rand(RATE // 25 * frames, generator=rng) / 5 - 0.1
    return {'inputs': {'faces': faces, 'audio': audio}, 'data_samples': sample}


def _clip(entry: Entry, model: Any, frames: int, size: tuple[int, int], rng: Any) -> dict[str, Any]:
    """Noise with a rectangle as ground truth, of instances also one that comes later."""
    import torch
    from mmengine.structures import InstanceData, PixelData

    from avis.structures.av_data_sample import AVDataSample

    height, width = size
    inputs = {'frames': torch.randint(0, 256, (frames, 3, *size), dtype=torch.uint8, generator=rng)}
    audio = _audio(model.audio_encoder, frames, rng)
    if audio is not None:
        inputs['audio'] = audio
    inputs |= model.make_extra_inputs(inputs['frames'])
    sample = AVDataSample(metainfo={'img_shape': size, 'ori_shape': size, 'video_name': 'clip'})
    box = torch.zeros(frames, *size, dtype=torch.bool)
    box[:, height // 4 : height // 2, width // 4 : width // 2] = True
    if entry.kind == 'semantic':
        sample.gt_sem_seg = PixelData(sem_seg=box.to(torch.uint8))
        sample.labeled_frames = torch.ones(frames, dtype=torch.bool)
    else:
        late = torch.zeros_like(box)
        late[1:, : height // 3, : width // 3] = True
        sample.gt_tracks = InstanceData(
            labels=torch.tensor([0, 0]), ids=torch.tensor([1, 2]), masks=torch.stack([box, late])
        )
    return {'inputs': inputs, 'data_samples': sample}


def _audio(encoder: Any, frames: int, rng: Any) -> Any:
    """Embeddings for a frozen VGGish, whose weights are not here; else a second per frame."""
    import torch

    from avis.models import VGGish
    from avis.models.audio_encoders.log_mel_cnn import LogMelCNN

    if encoder is None:
        return None
    rate = encoder.sample_rate if isinstance(encoder, LogMelCNN) else None
    if isinstance(encoder, VGGish) and not encoder.frozen:
        rate = encoder.front_end.sample_rate
    if rate is None:
        return torch.rand(frames, encoder.out_channels, generator=rng)
    return torch.rand(rate * frames, generator=rng) / 5 - 0.1
