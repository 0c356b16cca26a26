"""What a user does wrong ends in one line that names it; the traceback is shown on request."""

import errno
import multiprocessing.synchronize
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from avis.utils import cli
from tests.helpers.painted import passing, write_video
from tests.helpers.runs import ROOT, TINY_CONFIG
from tests.helpers.subprocess_python import run_python

TOOLS = ROOT / 'tools'


def error_of(monkeypatch, tool: str, *words: object) -> str:
    """The line with which a tool ends."""
    monkeypatch.setattr(sys, 'argv', [tool, *map(str, words)])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(TOOLS / tool), run_name='__main__')
    assert isinstance(end.value.code, str), 'the exit status is 0 or was not set by an error'
    assert '\n' not in end.value.code
    return end.value.code


# Tool and its other arguments -> how it is called with a config.
WITH_CONFIG = {
    'train.py': [],
    'test.py': ['none'],
    'infer.py': ['none', 'video.mp4', '--out', 'out'],
    'misc/print_config.py': [],
    'dataset_tools/check_dataset.py': [],
    'dataset_tools/extract_audio_features.py': ['--weights', 'w.pth'],
}


@pytest.fixture(scope='module')
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp('video') / 'video.mp4', passing(1))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch, video: Path) -> Path:
    shutil.copy(video, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('AVIS_DEBUG', raising=False)
    return tmp_path


@pytest.mark.parametrize('tool', WITH_CONFIG)
def test_missing_config_is_named(tool: str, monkeypatch) -> None:
    error = error_of(monkeypatch, tool, 'no_such.py', *WITH_CONFIG[tool])
    assert error == 'error: Config no_such.py does not exist.'


@pytest.mark.parametrize('tool', WITH_CONFIG)
def test_misspelled_key_is_named(tool: str, monkeypatch) -> None:
    words = [TINY_CONFIG, *WITH_CONFIG[tool], '--cfg-options', 'modle=1']
    error = error_of(monkeypatch, tool, *words)
    assert error.endswith("tiny.py: nothing reads the key 'modle'. Did you mean 'model'?")


@pytest.mark.parametrize('tool', WITH_CONFIG)
def test_text_for_a_number_is_named(tool: str, monkeypatch) -> None:
    words = [TINY_CONFIG, *WITH_CONFIG[tool], '--cfg-options', 'optim_wrapper.optimizer.lr=abc']
    error = error_of(monkeypatch, tool, *words)
    assert error.startswith('error: --cfg-options optim_wrapper.optimizer.lr: expected a number')


@pytest.mark.parametrize('tool', WITH_CONFIG)
def test_cfg_option_without_a_value_is_named(tool: str, monkeypatch) -> None:
    error = error_of(monkeypatch, tool, TINY_CONFIG, *WITH_CONFIG[tool], '--cfg-options', 'seed')
    assert error == "error: --cfg-options: expected key=value, got 'seed'"


@pytest.mark.parametrize('tool', ['train.py', 'test.py'])
def test_missing_package_is_named(tool: str, folder: Path, monkeypatch) -> None:
    config = folder / 'mine.py'
    config.write_text('from no_such_package import Model\n\nmodel = dict(type=Model)\n')
    error = error_of(monkeypatch, tool, config, *WITH_CONFIG[tool])
    assert 'mine.py: model: Failed to import no_such_package in' in error
    assert 'line 1' in error


def test_wrong_argument_of_a_class_is_named(monkeypatch) -> None:
    options = ['--cfg-options', 'model.drop=1']
    error = error_of(monkeypatch, 'train.py', TINY_CONFIG, *options)
    assert "model.drop: TinyModel has no argument 'drop'. Did you mean 'dropout'?" in error


@pytest.mark.parametrize(
    ('tool', 'words'),
    [
        ('test.py', [TINY_CONFIG, 'weights.pth']),
        ('train.py', [TINY_CONFIG, '--resume', 'weights.pth']),
        ('model_converters/convert_checkpoint.py', ['vggish', 'weights.pth', 'out.pth']),
    ],
)
def test_checkpoint_that_is_missing_or_broken_is_named(
    tool: str, words: list, folder: Path, monkeypatch
) -> None:
    assert 'weights.pth' in error_of(monkeypatch, tool, *words)
    (folder / 'weights.pth').write_bytes(b'broken')
    assert 'weights.pth' in error_of(monkeypatch, tool, *words)


@pytest.mark.parametrize(
    ('tool', 'words'),
    [
        ('analysis_tools/evaluate.py', ['aviseg', '--gt', 'no.json', '--pred', 'no.json']),
        ('analysis_tools/stage_times.py', ['no_such_folder']),
        ('train.py', [ROOT / 'configs/avs/demo_tpavi_synthetic.py']),
    ],
)
def test_missing_data_is_named(tool: str, words: list, monkeypatch) -> None:
    assert error_of(monkeypatch, tool, *words).startswith('error: ')


def test_terminal_shows_one_line_or_the_traceback(folder: Path) -> None:
    command = [sys.executable, TOOLS / 'misc/print_config.py', 'no_such.py']
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == 'error: Config no_such.py does not exist.\n'
    debugged = subprocess.run([*command, '--debug'], capture_output=True, text=True)
    assert debugged.returncode == 1
    assert 'Traceback' in debugged.stderr
    environment = {**os.environ, 'AVIS_DEBUG': '1'}
    debugged = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert 'Traceback' in debugged.stderr


@pytest.mark.parametrize(
    'reason',
    [
        'unable to write to file </torch_12_3>: No space left on device (28)',
        'a worker is killed by signal: Bus error. Maybe workers are out of shared memory.',
    ],
)
def test_missing_shared_memory_is_named_with_the_remedy(reason: str) -> None:
    def fail() -> None:
        raise RuntimeError(f'Caught RuntimeError in a worker\n{reason}')

    with pytest.raises(SystemExit) as ended:
        cli.run(fail)
    assert 'more shared memory than /dev/shm has' in str(ended.value.code)
    assert f'({reason}); enlarge it' in str(ended.value.code)


def test_full_disk_without_a_name_is_told_apart_from_shared_memory(monkeypatch) -> None:
    def fail(*_) -> None:
        raise OSError(errno.ENOSPC, 'No space left on device')

    with pytest.raises(SystemExit) as ended:
        cli.run(fail)
    assert str(ended.value.code).startswith('error: No space left on device; free some where')
    monkeypatch.setattr('_multiprocessing.SemLock', fail)
    with pytest.raises(SystemExit) as ended:
        cli.run(multiprocessing.get_context('spawn').Lock)
    assert 'more shared memory than /dev/shm has' in str(ended.value.code)


def test_names_in_errors_do_not_control_the_terminal() -> None:
    def fail() -> None:
        raise ValueError('video \x1b]0;title\x07\x9b2J ü')

    with pytest.raises(SystemExit) as ended:
        cli.run(fail)
    assert ended.value.code == r'error: video \x1b]0;title\x07\x9b2J ü'


def test_defects_keep_their_traceback() -> None:
    def defect() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cli.run(defect)


def test_status_of_main_is_that_of_the_tool() -> None:
    cli.run(lambda: None)
    cli.run(lambda: 0)
    with pytest.raises(SystemExit, match='2'):
        cli.run(lambda: 2)


def test_command_line_helpers_import_nothing_heavy() -> None:
    printed = run_python('import sys, avis.utils.cli, avis.utils.arguments; print(*sys.modules)')
    assert not {'torch', 'mmengine', 'numpy', 'rich'} & set(printed.split())


def test_name_outside_of_the_locale() -> None:
    def write() -> None:
        'caf\udcc3'.encode()

    with pytest.raises(SystemExit, match=r"error: '\\udcc3': the locale cannot .* LC_ALL=C.UTF-8"):
        cli.run(write)
