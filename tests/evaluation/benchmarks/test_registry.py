"""The registry of benchmarks, and a benchmark registered by a package outside of the clone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from avis.evaluation.benchmarks.base import Benchmark
from avis.evaluation.benchmarks.registry import BENCHMARKS, BenchmarkRegistry
from tests.helpers.subprocess_python import ROOT, write_package

TOOL = ROOT / 'tools' / 'analysis_tools' / 'evaluate.py'
NAMES = ('avtrack', 'aviseg', 'youtube_vis', 'avsbench', 'avss')
OWN_BENCHMARK = '''
"""Count the words of text files."""

from avis.evaluation.benchmarks.base import Benchmark, BenchmarkVideo, VideoScore
from avis.evaluation.benchmarks.problems import Rule
from avis.evaluation.benchmarks.registry import BENCHMARKS


@BENCHMARKS.register_module(name='words')
class WordsBenchmark(Benchmark[float]):
    """Share of files with the correct number of words."""

    RULES = {'missing_prediction': Rule('zero', 'stop')}

    def __init__(self, gt, pred, *, protocol, tolerance=0) -> None:
        super().__init__(gt, pred, protocol=protocol)
        self.tolerance = tolerance
        self.videos = [BenchmarkVideo(path.name) for path in sorted(self.gt.glob('*.txt'))]

    def score(self, index):
        name = self.videos[index].name
        log = self.new_log(name)
        if not (self.pred / name).is_file():
            log.add('missing_prediction', self.pred / name, 'no such file')
            return VideoScore(0.0, log.problems)
        words = [len((folder / name).read_text().split()) for folder in (self.gt, self.pred)]
        return VideoScore(float(abs(words[0] - words[1]) <= self.tolerance), log.problems)

    def combine(self, partials):
        return {'accuracy': sum(partials) / len(partials)}
'''


def write_texts(folder: Path, *texts: str) -> None:
    folder.mkdir()
    for index, text in enumerate(texts):
        (folder / f'{index}.txt').write_text(text)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder outside of the clone with a package and files of its benchmark."""
    write_package(tmp_path, {'own_pkg/__init__.py': '', 'own_pkg/bench.py': OWN_BENCHMARK})
    write_texts(tmp_path / 'gt', 'a b c', 'a', 'a b', 'a')
    write_texts(tmp_path / 'pred', 'x y', 'x', 'x y')
    return tmp_path


def run(project: Path, *command: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, cwd=project, env=environment
    )


def test_names_are_known_without_importing_the_benchmarks() -> None:
    assert BENCHMARKS.names()[:5] == NAMES


@pytest.mark.parametrize('name', NAMES)
def test_each_module_registers_its_benchmark(name: str) -> None:
    assert issubclass(BENCHMARKS.get(name), Benchmark)
    assert name == BENCHMARKS.get(name).NAME


def test_unknown_name_raises_with_the_known_names() -> None:
    with pytest.raises(ValueError, match=r"must be one of \('avtrack', .*\), got 'vots'; import"):
        BENCHMARKS.get('vots')


@pytest.mark.parametrize('name', ['clips', 'aviseg'])
def test_registering_a_name_twice_raises(name: str) -> None:
    registry = BenchmarkRegistry({'aviseg': 'avis.evaluation.benchmarks.vis'})
    if name == 'clips':
        registry.register_module(name='clips')(type('First', (Benchmark,), {}))
    with pytest.raises(KeyError, match=f"'{name}' is already registered"):
        registry.register_module(name=name)(type('Second', (Benchmark,), {}))


def test_tool_evaluates_a_benchmark_of_a_package_outside_of_the_clone(project: Path) -> None:
    command = [str(TOOL), '--custom-imports', 'own_pkg.bench', 'words', '--gt', 'gt']
    command += ['--pred', 'pred', '--workers', '2', '--out', 'out']
    for options, accuracy in (([], 0.5), (['--eval-options', 'tolerance=1'], 0.75)):
        done = run(project, *command, *options)
        assert done.returncode == 0, done.stderr
        written = json.loads((project / 'out' / 'metrics.json').read_text())
        assert written['benchmark'] == 'words'
        assert written['summary'] == {'accuracy': accuracy}
        assert written['problem_counts'] == {'missing_prediction': 1}
    assert written['options'] == {'tolerance': 1}


def test_evaluate_knows_a_benchmark_after_its_import(project: Path) -> None:
    code = (
        'import own_pkg.bench\n'
        'from avis.apis import evaluate\n'
        "print(evaluate('words', 'gt', 'pred')['summary'])\n"
        "evaluate('words', 'gt', 'pred', protocol='corrected')\n"
    )
    done = run(project, '-c', code)
    assert done.stdout == "{'accuracy': 0.5}\n"
    assert 'words, corrected protocol: no score' in done.stderr
    assert '3.txt: no such file (missing_prediction: stop)' in done.stderr


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['words'], "invalid choice: 'words'"),
        (['--custom-imports', 'own_pkg.none', 'words'], "No module named 'own_pkg.none'"),
        (
            ['--custom-imports', 'own_pkg.bench', 'words', '--eval-options', 'tolerance'],
            "expected KEY=VALUE, got 'tolerance'",
        ),
        (
            ['--custom-imports', 'own_pkg.bench', 'words', '--eval-options', 'size=3'],
            "words has no option 'size', it has ['tolerance']",
        ),
    ],
)
def test_tool_names_wrong_imports_and_options(project: Path, arguments, message: str) -> None:
    done = run(project, str(TOOL), *arguments, '--gt', 'gt', '--pred', 'pred')
    assert done.returncode != 0
    assert message in done.stderr
    assert 'Traceback' not in done.stderr
