"""The fusion block keeps its interface and trains through tools/train.py, here and in a copy."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from audio_gate import AudioGate

from avis.apis import load_config
from avis.registry import MODELS
from avis.synthetic.generator import make_dataset
from avis.utils.compat.config_bases import configs_root

PROJECT = Path(__file__).resolve().parents[1]
CONFIG = PROJECT / 'configs' / 'audio_gate_synthetic.py'


def test_block_keeps_shapes_and_depends_on_audio() -> None:
    block = AudioGate(channels=8, audio_dim=4)
    visual, audio = torch.randn(2, 3, 8, 6, 5), torch.randn(2, 3, 4)
    gated, audio_embed = block(visual, audio)
    assert gated.shape == visual.shape
    assert audio_embed.shape == (2, 3, 8)
    louder, _ = block(visual, audio + 1)
    assert not torch.allclose(gated, louder)


def test_config_builds_a_model_with_the_block() -> None:
    model = MODELS.build(load_config(CONFIG).model)
    assert all(isinstance(block, AudioGate) for block in model.fusions)


@pytest.mark.slow
def test_copy_of_the_project_trains_one_iteration(tmp_path: Path) -> None:
    copy = tmp_path / 'my_method'
    shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns('__pycache__'))
    make_dataset(
        layout='avsbench_ms3', out=tmp_path / 'data', videos=3, splits=(1, 1, 1), size=(32, 32)
    )
    root = tmp_path / 'data' / 'Multi-sources'
    options = [f'{split}_dataloader.dataset.data_root={root}' for split in ('train', 'val', 'test')]
    options += [
        'train_cfg.max_epochs=1',
        'train_cfg.val_interval=1',
        'train_dataloader.batch_size=1',
    ]
    tool = configs_root() / 'tools' / 'train.py'
    command = [sys.executable, str(tool), 'my_method/configs/audio_gate_synthetic.py']
    paths = [str(copy), *filter(None, [os.environ.get('PYTHONPATH')])]
    done = subprocess.run(
        [*command, '--work-dir', 'run', '--cfg-options', *options],
        cwd=tmp_path,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(paths)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (scalars,) = (tmp_path / 'run').glob('*/vis_data/scalars.json')
    rows = [json.loads(line) for line in scalars.read_text().splitlines()]
    assert any('avs/miou' in row for row in rows)
