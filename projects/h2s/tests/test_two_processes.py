"""Two processes with one clip each have the gradients of one process with two clips.

As a script, started by ``torch.distributed.run``, it computes those of two processes.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.dist import barrier, get_rank, init_dist
from torch import distributed, nn

import avis  # noqa: F401  (lets mmengine start gloo without CUDA)
from projects.h2s.tests.tiny_h2s import build, streams_clip
from tests.helpers.train_in_two_processes import gradients

ROOT = Path(__file__).resolve().parents[3]
CLIPS = [streams_clip(2, size=(64, 64)), streams_clip(2, seed=1, size=(64, 64))]


@pytest.mark.slow
def test_two_processes_have_the_gradients_of_one(tmp_path: Path) -> None:
    """Batch statistics of the backbone are shared, too."""
    out = tmp_path / 'out.json'
    launch = ['-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', '2']
    path = os.pathsep.join([str(ROOT), str(ROOT / 'projects' / 'h2s')])
    done = subprocess.run(
        [sys.executable, *launch, __file__, str(out)],
        env={**os.environ, 'PYTHONPATH': path, 'OMP_NUM_THREADS': '1'},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    shared, alone = json.loads(out.read_text()), gradients(build(count_fillers=False), CLIPS)
    assert shared.keys() == alone.keys()
    for name, norm in alone.items():
        assert shared[name] == pytest.approx(norm, rel=2e-3, abs=1e-5), name


def main(out: str) -> None:
    """Write the gradient norms of two processes."""
    init_dist('pytorch', backend='gloo')
    own, wrap = slice(get_rank(), get_rank() + 1), nn.parallel.DistributedDataParallel
    norms = gradients(build(count_fillers=False), CLIPS[own], wrap)
    if get_rank() == 0:
        Path(out).write_text(json.dumps(norms))
    barrier()
    distributed.destroy_process_group()


if __name__ == '__main__':
    main(sys.argv[1])
