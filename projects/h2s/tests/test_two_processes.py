"""Two processes with one clip each have the gradients of one process with two clips."""

from pathlib import Path

import pytest
from torch import nn

from projects.h2s.tests.tiny_h2s import build, streams_clip
from tests.helpers.train_in_two_processes import gradients
from tests.helpers.two_processes import run_in_two_processes

CLIPS = [streams_clip(2, size=(64, 64)), streams_clip(2, seed=1, size=(64, 64))]


def gradients_of_one_clip(rank: int) -> dict[str, float]:
    wrap = nn.parallel.DistributedDataParallel
    return gradients(build(count_fillers=False), CLIPS[rank : rank + 1], wrap)


def test_two_processes_have_the_gradients_of_one(tmp_path: Path) -> None:
    """Batch statistics of the backbone are shared, too."""
    shared = run_in_two_processes(gradients_of_one_clip, tmp_path)
    alone = gradients(build(count_fillers=False), CLIPS)
    assert shared.keys() == alone.keys()
    for name, norm in alone.items():
        assert shared[name] == pytest.approx(norm, rel=2e-3, abs=1e-5), name
