"""Two processes with one clip each have the gradients of one process with both."""

from functools import partial
from pathlib import Path

from tests.helpers.tiny_avism import clip
from tests.helpers.two_processes import check_gradients, gradients_of_config

DEMO = Path(__file__).parents[1] / 'configs' / 'demo_vita_synthetic.py'


def test_two_processes_have_the_gradients_of_one(tmp_path: Path) -> None:
    clips = [clip(3), clip(3, seed=1)]
    clips[1]['data_samples'].gt_tracks = clips[1]['data_samples'].gt_tracks[:1]
    for index, item in enumerate(clips):
        item['data_samples'].set_metainfo({'seed': (0, index)})
    check_gradients(partial(gradients_of_config, DEMO), clips, tmp_path)
