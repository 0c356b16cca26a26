"""The project's block keeps the contract of a fusion block and trains through the usual tool."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from avis.apis import load_config
from avis.registry import MODELS
from avis.synthetic.generator import make_dataset
from projects.example_project.audio_gate import AudioGate

ROOT = Path(__file__).resolve().parents[3]
CONFIG = ROOT / 'projects/example_project/configs/audio_gate_synthetic.py'


def test_the_block_keeps_the_shape_and_hears() -> None:
    block = AudioGate(channels=8, audio_dim=4)
    visual, audio = torch.randn(2, 3, 8, 6, 5), torch.randn(2, 3, 4)
    gated, audio_embed = block(visual, audio)
    assert gated.shape == visual.shape
    assert audio_embed.shape == (2, 3, 8)
    louder, _ = block(visual, audio + 1)
    assert not torch.allclose(gated, louder)


def test_the_config_builds_a_model_with_the_block() -> None:
    model = MODELS.build(load_config(CONFIG).model)
    assert all(isinstance(block, AudioGate) for block in model.fusions)


@pytest.mark.slow
def test_one_iteration_trains_through_the_tool(tmp_path: Path) -> None:
    make_dataset(
        layout='avsbench_ms3', out=tmp_path / 'data', videos=3, splits=(1, 1, 1), size=(32, 32)
    )
    root = tmp_path / 'data' / 'Multi-sources'
    options = [f'{split}_dataloader.dataset.data_root={root}' for split in ('train', 'val', 'test')]
    command = [sys.executable, str(ROOT / 'tools/train.py'), str(CONFIG), '--work-dir', 'run']
    options += [
        'train_cfg.max_epochs=1',
        'train_cfg.val_interval=1',
        'train_dataloader.batch_size=1',
    ]
    done = subprocess.run(
        [*command, '--cfg-options', *options], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (scalars,) = (tmp_path / 'run').glob('*/vis_data/scalars.json')
    rows = [json.loads(line) for line in scalars.read_text().splitlines()]
    assert any('avs/miou' in row for row in rows)
