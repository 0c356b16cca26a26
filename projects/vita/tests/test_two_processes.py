"""Two processes with one clip each have the gradients of one process with both."""

from pathlib import Path

from tests.helpers.clip_query_models import check_two_processes

DEMO = Path(__file__).parents[1] / 'configs' / 'demo_vita_synthetic.py'


def test_two_processes_have_the_gradients_of_one(tmp_path: Path) -> None:
    check_two_processes(DEMO, tmp_path)
