import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[3] / 'tools' / 'dataset_tools' / 'make_synthetic.py'
TINY = ('--videos', '3', '--seconds', '2', '--size', '48x64')


def run(*arguments: str, flags: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
    command = [sys.executable, *flags, str(TOOL), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_it_makes_the_asked_set(tmp_path):
    options = ('--challenge', 'camera_motion_change=0.5', '--challenge', 'background_switch')
    done = run('--layout', 'avtrack', '--out', str(tmp_path / 'set'), *TINY, *options)
    assert done.returncode == 0, done.stderr
    assert '3 test videos, 6 frames' in done.stdout
    meta = (tmp_path / 'set' / 'avtrack_meta.json').read_text()
    assert '"attributes": ["camera_motion_change", "background_switch"]' in meta


def test_all_challenges_can_be_met_in_turn(tmp_path):
    options = ('--challenge', 'all=0.5', '--in-turn')
    done = run('--layout', 'avtrack', '--out', str(tmp_path / 'set'), *TINY, *options)
    assert done.returncode == 0, done.stderr
    meta = (tmp_path / 'set' / 'avtrack_meta.json').read_text()
    for name in ('visual_occlusion', 'relative_position_change', 'background_switch'):
        assert f'"attributes": ["{name}"]' in meta


def test_splits_and_videos_can_be_asked_for(tmp_path):
    options = ('--splits', '1', '0', '2', '--with-mp4', '--video-fps', '5', '--seed', '3')
    done = run('--layout', 'avsbench_ms3', '--out', str(tmp_path), *TINY[2:], *options)
    assert done.returncode == 0, done.stderr
    assert '1 train, 2 test videos' in done.stdout
    assert len(list(tmp_path.glob('Multi-sources/videos/*.mp4'))) == 3


def test_help_needs_no_numpy():
    done = run('--help', flags=('-X', 'importtime'))
    assert done.returncode == 0
    assert 'audio_visual_inconsistency' in done.stdout
    imported = {line.rsplit('|')[-1].strip() for line in done.stderr.splitlines()}
    assert not imported & {'numpy', 'torch', 'cv2', 'scipy', 'rich'}


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('--challenge', 'rain'), "got 'rain'"),
        (('--challenge', 'background_switch=2'), 'must be in 0..1, got 2.0'),
        (('--challenge', 'background_switch=big'), 'expected NAME or NAME=0..1'),
        (('--size', '64'), "expected HxW such as 224x224, got '64'"),
        (('--identities', '1'), 'identities must be at least 2'),
    ],
)
def test_wrong_options_are_named_in_one_line(arguments, message, tmp_path):
    done = run('--layout', 'avtrack', '--out', str(tmp_path / 'set'), *arguments)
    assert done.returncode in (1, 2)  # 2 is argparse's
    assert message in done.stderr
    assert 'Traceback' not in done.stderr
    assert not list(tmp_path.iterdir())


def test_non_empty_folder_is_an_error(tmp_path):
    (tmp_path / 'mine.txt').write_text('mine')
    done = run('--layout', 'avtrack', '--out', str(tmp_path), *TINY)
    assert done.returncode == 1
    assert 'exists and is not empty. Delete it, or choose another folder' in done.stderr
