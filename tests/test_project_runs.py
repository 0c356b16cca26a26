"""Projects train in two processes as in one, and resume."""

from functools import partial
from pathlib import Path

import pytest
import torch

from tests.helpers.kill_and_resume import largest_difference, make_training_data
from tests.helpers.project_copies import ROOT
from tests.helpers.tiny_avism import clip
from tests.helpers.two_processes import check_gradients, gradients_of_config, seeded


def test_two_processes_have_the_gradients_of_one(tmp_path: Path) -> None:
    """A model that trains its audio network and counts instances."""
    clips = seeded([clip(3), clip(3, seed=1)])
    for index, item in enumerate(clips):
        noise = torch.Generator().manual_seed(index)
        item['inputs']['audio'] = torch.rand(3 * 16000, generator=noise) - 0.5
    clips[1]['data_samples'].gt_tracks = clips[1]['data_samples'].gt_tracks[:1]
    config = ROOT / 'projects/acvis/configs/demo_acvis_synthetic.py'
    check_gradients(partial(gradients_of_config, config), clips, tmp_path)


@pytest.mark.slow
def test_killed_run_resumes_where_it_was(tmp_path: Path) -> None:
    """The losses of this model depend on the number of the iteration."""
    make_training_data(tmp_path / 'data')
    config = ROOT / 'projects/cavis/configs/demo_cavis_online_synthetic.py'
    assert largest_difference(config, tmp_path / 'data', tmp_path / 'runs') == 0
