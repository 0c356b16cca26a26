"""Two processes with one clip each have the gradients of one process with two clips."""

from pathlib import Path

from projects.h2s.tests.tiny_h2s import build, streams_clip
from tests.helpers.train_in_two_processes import gradients
from tests.helpers.two_processes import check_gradients

CLIPS = [streams_clip(2, size=(64, 64)), streams_clip(2, seed=1, size=(64, 64))]


def compute(clips: list[dict], wrap: type | None = None) -> dict[str, float]:
    return gradients(build(count_fillers=False), clips, wrap)


def test_two_processes_have_the_gradients_of_one(tmp_path: Path) -> None:
    """Batch statistics of the backbone are shared, too."""
    check_gradients(compute, CLIPS, tmp_path)
