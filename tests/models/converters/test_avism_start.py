"""VITA's weights start an AVISM: all of it but the class layers and the modules for audio."""

import json

import pytest
import torch
from mmengine.runner import load_checkpoint
from torch import Tensor

from avis.apis import convert_checkpoint
from avis.apis.config import load_config
from avis.apis.runner import check_checkpoint
from avis.models.converters.avism import convert_avism
from tests.helpers.golden import DATA
from tests.helpers.tiny_avism import build
from tests.parity.published import ROOT

COCO_CLASSES = 80
CLASS_LAYERS = {
    f'{part}.class_embed.{name}'
    for part in ('frame_head', 'tracker.head')
    for name in ('weight', 'bias')
}
# The entries of AVISM that VITA does not have.
AUDIO = ('sem_seg_head.predictor.av_', 'vita_module.av_proj.', 'vita_module.enc_av_')


def vita_names() -> dict[str, str]:
    """Name in VITA of each entry of a model of ours with a ResNet, of any depth."""
    keys = json.loads((DATA / 'models' / 'avism_r50' / 'keys.json').read_text())['keys']
    names = [name.replace('avism_', 'vita_') for name, _, _ in keys]
    numbered = {name: torch.tensor([float(index)]) for index, name in enumerate(names)}
    converted, _ = convert_avism(numbered)
    return {
        ours: names[int(value)]
        for ours, value in converted.items()
        if not ours.endswith('num_batches_tracked')  # which Detectron2 does not have
    }


def vita(weights: dict[str, Tensor], names: dict[str, str]) -> dict[str, Tensor]:
    """A checkpoint of VITA on COCO, of the size of a model of ours."""
    checkpoint = {'criterion.empty_weight': torch.ones(COCO_CLASSES + 1)}
    checkpoint['vita_criterion.empty_weight'] = torch.ones(COCO_CLASSES + 1)
    for ours, value in weights.items():
        if ours not in names or names[ours].startswith(AUDIO):
            continue
        shape = (COCO_CLASSES + 1, *value.shape[1:]) if ours in CLASS_LAYERS else value.shape
        checkpoint[names[ours]] = torch.rand(shape)
    return checkpoint


def test_model_starts_from_all_weights_of_vita_but_the_class_layers(tmp_path) -> None:
    model = build()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    names = vita_names()
    checkpoint = vita(before, names)
    torch.save({'model': checkpoint}, tmp_path / 'vita.pth')
    dropped = convert_checkpoint('avism', tmp_path / 'vita.pth', tmp_path / 'start.pth')
    assert sorted(dropped) == ['criterion.empty_weight', 'vita_criterion.empty_weight']
    check_checkpoint(model, tmp_path / 'start.pth', strict=False)
    load_checkpoint(model, str(tmp_path / 'start.pth'), strict=False)  # as a run does
    kept = set()
    for ours, value in model.state_dict().items():
        if torch.equal(value, before[ours]):
            kept.add(ours)
        else:
            assert torch.equal(value, checkpoint[names[ours]]), ours
    counters = {name for name in before if name.endswith('num_batches_tracked')}
    audio = {ours for ours, theirs in names.items() if theirs.startswith(AUDIO)}
    assert kept - counters == CLASS_LAYERS | (audio & set(before))
    assert len(kept) > 20


@pytest.mark.parametrize('name', ['r50', 'swinl'])
def test_published_models_lack_only_class_layers_and_audio_of_vita(name) -> None:
    keys = json.loads((DATA / 'models' / f'avism_{name}' / 'keys.json').read_text())['keys']
    published = {
        key.replace('avism_', 'vita_'): torch.empty(shape, device='meta') for key, shape, _ in keys
    }
    start = {key: value for key, value in published.items() if not key.startswith(AUDIO)}
    for key in start:
        if '.class_embed.' in key or key.endswith('empty_weight'):
            shape = (COCO_CLASSES + 1, *start[key].shape[1:])
            start[key] = torch.empty(shape, device='meta')
    wanted, _ = convert_avism(published)
    given, _ = convert_avism(start)
    assert {key for key in given if given[key].shape != wanted[key].shape} == CLASS_LAYERS
    missing = set(wanted) - set(given)
    assert len(missing) == 96
    audio = ('frame_head.audio_fusion.', 'tracker.head.audio_proj.', 'tracker.head.fusion.')
    assert all(key.startswith(audio) for key in missing)


@pytest.mark.parametrize(
    ('name', 'file'), [('r50', 'vita_r50_coco.pth'), ('swinl', 'vita_swin_coco.pth')]
)
def test_configs_of_coco_rows_start_from_vita(name, file) -> None:
    cfg = load_config(ROOT / 'configs' / 'avis' / 'avism' / f'avism_{name}_coco_aviseg.py')
    assert cfg.load_from == f'data/pretrained/{file}'
    assert cfg.model.backbone.init_cfg is None
