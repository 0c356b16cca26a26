import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / 'benchmarks' / 'evaluation.py'


def run(*args: str, path: Path | None = None) -> subprocess.CompletedProcess:
    command = [sys.executable, str(BENCHMARK), *args]
    environment = os.environ | ({'PYTHONPATH': str(path)} if path else {})
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_without_trackeval_it_says_how_to_get_it(tmp_path: Path) -> None:
    (tmp_path / 'trackeval.py').write_text("raise ImportError('not here')")
    done = run('--videos', '1', path=tmp_path)
    assert done.returncode == 1
    assert 'not here' in done.stderr
    assert 'pip install --no-deps trackeval==1.3.0' in done.stderr


def test_our_side_is_timed_on_folders_of_images() -> None:
    parts = '--without-trackeval', '--parts', 'avtrack'
    done = run(*parts, '--videos', '2', '--frames', '4')
    assert done.returncode == 0, done.stderr
    found = dict(
        re.findall(r'^(ours|ours, two workers|ours, RLEs in memory) {2,}(\S+) s', done.stdout, re.M)
    )
    assert len(found) == 3
    assert float(found['ours, RLEs in memory']) < float(found['ours'])


@pytest.mark.slow
def test_trackeval_gives_the_same_numbers_for_the_same_files() -> None:
    """The benchmark stops if one number differs."""
    done = run('--parts', 'aviseg', '--videos', '2', '--frames', '5')
    assert done.returncode == 0, done.stderr
    goals = re.findall(r'^ratio, (.+): \S+ by the clock, \S+ by processors', done.stdout, re.M)
    assert goals == ['HOTA and TrackMAP', 'also CLEAR and Identity']


def test_memory_does_not_follow_the_number_of_videos() -> None:
    done = run('--without-trackeval', '--parts', 'memory', '--videos', '60', '--frames', '8')
    assert done.returncode == 0, done.stderr
    assert 'memory: 15 videos of 8 frames' in done.stdout
    assert float(re.findall(r'ratio, memory: (\S+)', done.stdout)[0]) < 1.3
