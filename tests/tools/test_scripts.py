"""The shell scripts pass their arguments on; the programs they start are fakes."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.helpers.runs import ROOT

TOOLS = ROOT / 'tools'
ECHO = '#!/usr/bin/env bash\nif [[ "$1" == -c ]]; then echo 40000; exit; fi\nprintf "%s\\n" "$@"\n'
# Runs one element of the array job.
SBATCH = '#!/usr/bin/env bash\nprintf "%s\\n" "$@"\nSLURM_ARRAY_TASK_ID=3 bash\n'


@pytest.fixture
def run(tmp_path: Path):
    """Run a script with programs that print their arguments instead of Python and Slurm."""
    for name, program in (('python', ECHO), ('srun', ECHO), ('sbatch', SBATCH)):
        (tmp_path / name).write_text(program)
        (tmp_path / name).chmod(0o755)

    def call(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        path = f'{tmp_path}{os.pathsep}{os.environ["PATH"]}'
        return subprocess.run(
            [TOOLS / script, *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={'PATH': path, **environment},
        )

    return call


def test_training_on_one_node_uses_a_free_port(run) -> None:
    words = run('dist_train.sh', 'a config.py', '2', '--amp').stdout.splitlines()
    assert words == [
        *('-m', 'torch.distributed.run', '--nnodes=1', '--node_rank=0'),
        *('--master_addr=127.0.0.1', '--master_port=40000', '--nproc_per_node=2'),
        *(str(TOOLS / 'train.py'), 'a config.py', '--amp', '--launcher', 'pytorch'),
    ]


def test_nodes_and_ports_follow_the_environment(run) -> None:
    nodes = {'NNODES': '2', 'NODE_RANK': '1', 'MASTER_ADDR': 'host'}
    words = run('dist_test.sh', 'c.py', 'w.pth', '4', '--out', 'p.pkl', **nodes).stdout.splitlines()
    assert words[2:7] == [
        *('--nnodes=2', '--node_rank=1', '--master_addr=host', '--master_port=29500'),
        '--nproc_per_node=4',
    ]
    assert words[7:11] == [str(TOOLS / 'test.py'), 'c.py', 'w.pth', '--out']
    assert '--master_port=1234' in run('dist_train.sh', 'c.py', '1', PORT='1234', **nodes).stdout


def test_slurm_receives_its_resources(run) -> None:
    resources = {'GPUS': '4', 'CPUS_PER_TASK': '3', 'SRUN_ARGS': '--quotatype=spot --exclusive'}
    words = run('slurm_train.sh', 'part', 'job', 'c.py', 'w d', '--amp', **resources).stdout
    assert words.splitlines() == [
        *('-p', 'part', '--job-name=job', '--gres=gpu:4', '--ntasks=4', '--ntasks-per-node=4'),
        *('--cpus-per-task=3', '--kill-on-bad-exit=1', '--quotatype=spot', '--exclusive'),
        *('python', '-u', str(TOOLS / 'train.py'), 'c.py', '--work-dir', 'w d', '--amp'),
        *('--launcher', 'slurm'),
    ]
    words = run('slurm_test.sh', 'part', 'job', 'c.py', 'w.pth', GPUS='16').stdout.splitlines()
    assert {'--gres=gpu:8', '--ntasks=16', '--ntasks-per-node=8'} <= set(words)
    assert words[-6:] == ['-u', str(TOOLS / 'test.py'), 'c.py', 'w.pth', '--launcher', 'slurm']


def test_shards_are_elements_of_an_array_job(run) -> None:
    settings = {'AT_ONCE': '8', 'SBATCH_ARGS': '--time=1:00:00'}
    done = run('slurm_infer.sh', 'part', 'job', '40', 'c.py', 'a $b.mp4', '--out', 'o', **settings)
    assert done.stdout.splitlines() == [
        *('-p', 'part', '--job-name=job', '--array=1-40%8', '--gres=gpu:1', '--cpus-per-task=5'),
        *('--requeue', '--time=1:00:00'),
        *('-u', str(TOOLS / 'infer.py'), 'c.py', 'a $b.mp4', '--out', 'o', '--shard', '3/40'),
    ]


@pytest.mark.parametrize(
    'kind', ['dist_train', 'dist_test', 'slurm_train', 'slurm_test', 'slurm_infer']
)
def test_missing_arguments_print_the_usage(run, kind: str) -> None:
    done = run(f'{kind}.sh', 'c.py')
    assert done.returncode == 2
    assert done.stderr.startswith('usage: ')
