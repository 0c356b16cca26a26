import os
import signal
import subprocess
import sys

import pytest

from avis.utils.folder_lock import folder_lock, remove_stale_lock

HOLD = """
import sys
from avis.utils.folder_lock import folder_lock
with folder_lock(sys.argv[1]):
    print('held', flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds ``tmp_path / 'run'``."""
    command = [sys.executable, '-c', HOLD, str(tmp_path / 'run')]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b'held\n'
        yield process
        process.kill()


def test_folder_of_a_running_process_is_refused(holder, tmp_path):
    message = f'is in use by process {holder.pid} on .*run'
    with pytest.raises(BlockingIOError, match=message), folder_lock(tmp_path / 'run'):
        pass
    with folder_lock(tmp_path / 'other'):
        pass


def test_killed_process_releases_the_folder(holder, tmp_path):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with folder_lock(tmp_path / 'run'):
        assert (tmp_path / 'run' / '.lock').read_text().startswith(f'process {os.getpid()} on ')


def test_lock_of_a_killed_process_is_removed_and_that_of_a_running_one_stays(holder, tmp_path):
    remove_stale_lock(tmp_path / 'run')
    assert (tmp_path / 'run' / '.lock').is_file()
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    remove_stale_lock(tmp_path / 'run')
    assert list(tmp_path.rglob('*')) == [tmp_path / 'run']


def test_folder_can_be_used_again_after_the_block(tmp_path):
    for _ in range(2):
        with folder_lock(tmp_path):
            pass
    assert list(tmp_path.iterdir()) == []


def test_only_a_folder_that_the_block_made_and_left_empty_is_removed(tmp_path):
    with folder_lock(tmp_path / 'empty'):
        pass
    with folder_lock(tmp_path / 'used'):
        (tmp_path / 'used' / 'file').touch()
    assert [path.name for path in tmp_path.rglob('*')] == ['used', 'file']
