"""Tools that measure models: parameters, operations, speed."""

import pytest
import torch
from torch import nn

from avis.apis.config import load_config
from avis.apis.model_complexity import model_complexity
from avis.apis.speed_benchmark import measure_speed
from avis.engine.model_parts import count_flops, count_parameters, parameter_lines
from tests.helpers.runs import ROOT, TINY_CONFIG


class Model(nn.Module):
    """A frozen convolution, linear layers that share one, and a part without parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Conv2d(3, 8, 1).requires_grad_(False)
        self.act = nn.ReLU()
        linear = nn.Linear(8, 4, bias=False)
        self.heads = nn.ModuleList([linear, nn.Linear(8, 4), linear])

    def forward(self, inputs: dict, mode: str = 'tensor') -> torch.Tensor:
        x = self.act(self.backbone(inputs['frames'])).mean((2, 3))
        return sum(head(x) for head in self.heads)


def test_parameters_are_counted_once_per_part() -> None:
    counts = {part.name: (part.parameters, part.trained) for part in count_parameters(Model())}
    assert counts == {'backbone': (32, 0), 'heads': (68, 68), 'all': (100, 68)}
    lines = parameter_lines(count_parameters(Model()))
    assert [line.split('  ')[-1] for line in lines] == ['frozen', 'trained', '68.0 % trained']
    assert lines[0].startswith('backbone (Conv2d)')


def test_operations_of_parts_sum_to_those_of_the_model() -> None:
    flops = count_flops(Model(), {'frames': torch.rand(2, 3, 5, 5)})
    convolution = 2 * 2 * 25 * 3 * 8  # an addition and a multiplication per weight and position
    linear = 2 * 2 * 8 * 4
    assert flops == {
        'backbone': convolution,
        'act': 0,
        'heads': 3 * linear,
        'all': convolution + 3 * linear,
    }


def test_table_of_a_config_lists_its_parts() -> None:
    config = ROOT / 'configs' / 'avs' / 'demo_tpavi_synthetic.py'
    table = model_complexity(config, size=(50, 64), num_frames=2)
    cells = [list(column.cells) for column in table.columns]
    assert cells[0] == ['backbone', 'neck', 'audio_encoder', 'fusions', 'decode_head', 'all']
    flops = [float(value) for value in cells[4]]
    assert all(flops)
    assert flops[-1] == pytest.approx(sum(flops[:-1]), rel=1e-3)
    with pytest.raises(ValueError, match=r'expected an AVSegmentor or AVInst.*, got TinyModel'):
        model_complexity(TINY_CONFIG)


def test_operations_of_a_model_that_reads_text_are_counted() -> None:
    config = ROOT / 'configs' / 'avs' / 'demo_text_tpavi_synthetic.py'
    table = model_complexity(config, size=(32, 32), num_frames=1)
    names, *_, flops = (list(column.cells) for column in table.columns)
    counted = dict(zip(names, map(float, flops), strict=True))
    assert counted['text_encoder'] > 0
    assert counted['text_fusion'] > 0


@pytest.mark.parametrize('mode', ['loading', 'training', 'inference'])
def test_speed_of_each_mode(mode) -> None:
    cfg = load_config(TINY_CONFIG)
    result = measure_speed(cfg, mode, iterations=2, warmup=1)
    batch = 1 if mode == 'inference' else 4
    assert result.clips * result.seconds == pytest.approx(batch)
    assert result.frames == pytest.approx(2 * result.clips)
    assert result.memory > 50
    assert str(result).startswith(f'{mode}: ')


def test_missing_data_loader_is_an_error() -> None:
    cfg = load_config(TINY_CONFIG)
    cfg.test_dataloader = None
    with pytest.raises(ValueError, match='expected test_dataloader for the mode inference'):
        measure_speed(cfg, 'inference')
