import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / 'tools/misc/check_banned_text.py'


@pytest.fixture(scope='module')
def checker():
    spec = importlib.util.spec_from_file_location('check_banned_text', SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    'line',
    [
        'x = x.cuda()',
        'x = x.cuda(0)',
        "os.environ['CUDA_VISIBLE_DEVICES'] = '0'",
        'os.environ["CUDA_LAUNCH_BLOCKING"]',
        'import pdb; pdb.set_trace()',
        '    breakpoint()',
        'np.random.seed(0)',
        "root = '/home/me/data'",
        'data_root="/mnt/disk1/avsbench"',
        'cd /root/avis',
        '/Users/me/avis',
        "path = 'C:\\\\data'",
        '<<<<<<< HEAD',
        '>>>>>>> other',
    ],
)
def test_banned_text_is_found_with_its_place(checker, line):
    messages = list(checker.check_text('avis/x.py', f'first line\n{line}\n'))
    assert len(messages) == 1
    assert messages[0].startswith('avis/x.py:2: ')


@pytest.mark.parametrize(
    'line',
    [
        'picture = read(path)',
        'for every Film',
        'the truth of a video',
        'num_truth = 3',
        'hue_colour',
        'normalised by area',
        'def _hear(self):',
        'LoadSound',
    ],
)
def test_retired_terms_are_found_except_where_renames_are_listed(checker, line):
    assert len(list(checker.check_text('avis/x.py', line))) == 1
    assert list(checker.check_text('CHANGELOG.md', line)) == []


@pytest.mark.parametrize(
    'line',
    [
        'the ground truth',
        'ground_truth',
        'heartbeat',
        'four hours',
        'filmography',
        'raised, otherwise',
    ],
)
def test_similar_words_pass(checker, line):
    assert list(checker.check_text('avis/x.py', line)) == []


@pytest.mark.parametrize(
    'line',
    [
        'torch.cuda.is_available()',
        'set CUDA_VISIBLE_DEVICES before you start',
        'data_root = "data/avsbench"',
        'https://example.org/data/home/index.html',
        'np.random.default_rng(0)',
        'projects/example/home/x',
        '=======',
        'a/work/b and ../work/c',
        'see .data/x',
        "range(3)  # 'A: \\n'",
    ],
)
def test_harmless_text_passes(checker, line):
    assert list(checker.check_text('avis/x.py', line)) == []


def test_tests_may_seed_numpy(checker):
    assert list(checker.check_text('tests/x.py', 'np.random.seed(0)')) == []
    assert list(checker.check_text('avis/tests.py', 'np.random.seed(0)'))


def test_large_and_binary_files(checker, tmp_path):
    path = tmp_path / 'weights.pth'
    path.write_bytes(b'\0breakpoint()' + bytes(checker.MAX_BYTES))
    assert list(checker.check_file(path, 'weights.pth')) == [
        'weights.pth: 500013 bytes, at most 500000 may be committed'
    ]


@pytest.mark.parametrize(('text', 'code'), [('breakpoint()\n', 1), ('fine = 1\n', 0)])
def test_the_exit_code_tells(tmp_path, text, code):
    path = tmp_path / 'x.py'
    path.write_text(text)
    done = subprocess.run([sys.executable, SCRIPT, path], capture_output=True, text=True)
    assert done.returncode == code
    assert f'1 files, {code} banned texts' in done.stdout
