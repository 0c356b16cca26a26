"""Training of the detector of active speakers."""

import json
import os
from pathlib import Path

import pytest
import torch

from tests.helpers.subprocess_python import ROOT
from tests.helpers.tiny_asd import tiny_detector
from tests.helpers.train_asd_in_two_processes import STEPS, batches, build, loss_of, weight_sums
from tests.helpers.warm_python import run_warm


@pytest.mark.slow
def test_two_processes_train_as_one_that_accumulates_two_batches(tmp_path: Path) -> None:
    out = tmp_path / 'out.json'
    script = ROOT / 'tests/helpers/train_asd_in_two_processes.py'
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    done = run_warm([script, out], ROOT, environment, processes=2)
    assert done.returncode == 0, done.stderr[-3000:]
    two = json.loads(out.read_text())

    model = build()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses, every = [], batches()
    for step in range(STEPS):
        optimizer.zero_grad()
        pair = [loss_of(model, model, batch) / 2 for batch in every[2 * step : 2 * step + 2]]
        sum(pair).backward()
        optimizer.step()
        losses.append(float(sum(pair).detach()))
    assert two['losses'] == pytest.approx(losses, rel=1e-6)  # the loss is computed in float32
    assert two['weights'] == pytest.approx(weight_sums(model), rel=1e-6)
    assert losses[-1] != losses[0]


def test_modes_and_missing_samples() -> None:
    model = tiny_detector('light_asd')
    inputs = {'faces': torch.zeros(1, 2, 16, 16), 'audio': torch.zeros(1, 8, 13)}
    with torch.no_grad():
        outputs = model(inputs)
    assert outputs['logits'].shape == outputs['visual_logits'].shape == (1, 2, 2)
    with pytest.raises(ValueError, match="mode is 'loss', expected 'tensor'"):
        model(inputs, mode='loss')
    with pytest.raises(ValueError, match=r'expected MFCCs \(B, 4\*T, 13\)'):
        model({**inputs, 'audio': torch.zeros(1, 7, 13)})
