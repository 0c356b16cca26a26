"""Two processes with one clip each have the gradients of one process with both."""

from pathlib import Path

import pytest
import torch
from mmengine.dataset import pseudo_collate
from torch.nn.parallel import DistributedDataParallel

from avis.apis import load_config
from avis.registry import MODELS
from tests.helpers.tiny_avism import clip
from tests.helpers.two_processes import run_in_two_processes

DEMO = Path(__file__).parents[1] / 'configs' / 'demo_lbvq_synthetic.py'


def gradients(clips: list[dict], wrap: type | None = None) -> dict[str, float]:
    """Gradient norms after a step; the random points belong to the clips."""
    torch.manual_seed(0)
    model = MODELS.build(load_config(DEMO).model).train()
    data = model.data_preprocessor(pseudo_collate(clips), training=True)
    wrapped = model if wrap is None else wrap(model)
    sum(wrapped(**data, mode='loss').values()).backward()
    return {name: weight.grad.double().norm().item() for name, weight in model.named_parameters()}


def test_two_processes_have_the_gradients_of_one(tmp_path: Path) -> None:
    clips = [clip(3), clip(3, seed=1)]
    clips[1]['data_samples'].gt_tracks = clips[1]['data_samples'].gt_tracks[:1]
    for index, item in enumerate(clips):
        item['data_samples'].set_metainfo({'seed': (0, index)})
    shared = run_in_two_processes(
        lambda rank: gradients(clips[rank : rank + 1], DistributedDataParallel), tmp_path
    )
    alone = gradients(clips)
    assert shared.keys() == alone.keys()
    for name, norm in alone.items():
        assert shared[name] == pytest.approx(norm, rel=2e-3, abs=1e-5), name
