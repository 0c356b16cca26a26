"""Compare the speed of the evaluator with TrackEval from PyPI on the same generated files.

- AVTrack: the persons are merged into one gray PNG per frame, which TrackEval reads with its data
  set class for DAVIS: HOTA, CLEAR and Identity. Ours is the command-line tool on the same folders,
  with one and with two workers. Then both score RLEs in memory; and all PNG files are decoded
  without scoring, the lower bound of any evaluation.
- AVISeg: TrackEval reads the files with its data set class for YouTube-VIS, extended by polygons:
  HOTA and TrackMAP, then CLEAR and Identity too. Ours is the command-line tool, which always
  computes all four, and FSLA.
- Memory: the peak resident memory of our tool on many and on few videos.

The script stops if results differ. Each side runs in its own process, including imports. It prints
wall-clock and processor seconds: on a busy machine compare processor seconds, except for two
workers.

    pip install --no-deps trackeval==1.3.0
    python benchmarks/evaluation.py
    python benchmarks/evaluation.py --parts avtrack --videos 1 --frames 30
    python benchmarks/evaluation.py --without-trackeval --parts memory
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

# No large imports here: Linux counts the peak memory of a parent process for its child too.

os.environ['OMP_NUM_THREADS'] = '1'
ROOT = Path(__file__).resolve().parents[1]
TOOL = ROOT / 'tools' / 'analysis_tools' / 'evaluate.py'
STEPS = Path(__file__).resolve().with_name('evaluation_steps.py')
PARTS = ('avtrack', 'aviseg', 'memory')
SUMMARY_TOLERANCE = 1e-7  # of percent
FEW_VIDEOS = 50
# Paths at which TrackEval expects the files of AVISeg.
GT_FILE = 'gt/youtube_vis_train_sub_split/test.json'
PRED_FILE = 'pred/youtube_vis_train_sub_split/ours/data/results.json'


class Run(NamedTuple):
    """The cost of a process: wall-clock and processor seconds, and peak memory in MB."""

    wall: float
    cpu: float
    memory: float

    def line(self, name: str) -> str:
        """One row of the table."""
        return f'{name:30}{self.wall:8.2f} s {self.cpu:8.2f} s of processors'


def main() -> None:
    """Run the parts, each in a new folder."""
    args = parse_args()
    if not args.without_trackeval:
        check_trackeval()
    for part in args.parts:
        with tempfile.TemporaryDirectory() as folder:
            {'avtrack': time_avtrack, 'aviseg': time_aviseg, 'memory': measure_memory}[part](
                Path(folder), args
            )


def parse_args() -> argparse.Namespace:
    """The arguments."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--parts', nargs='+', choices=PARTS, default=PARTS)
    parser.add_argument('--videos', type=int, help='default: 2 (avtrack), 60 (aviseg), 1000')
    parser.add_argument('--frames', type=int, help='default: 270 (avtrack), 60 (aviseg), 60')
    parser.add_argument('--repetitions', type=int, default=1, help='the fastest is reported')
    parser.add_argument('--without-trackeval', action='store_true', help='time our side only')
    return parser.parse_args()


def check_trackeval() -> None:
    """Exit if TrackEval cannot be imported."""
    done = subprocess.run(
        [sys.executable, '-c', 'import trackeval'], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(
            f'TrackEval cannot be imported: {(done.stderr.splitlines() or ["?"])[-1]}\n'
            f'Install it with `pip install --no-deps trackeval==1.3.0`, or time our side only '
            f'with --without-trackeval.'
        )


def time_avtrack(root: Path, args: argparse.Namespace) -> None:
    """Compare both sides on folders of PNG files."""
    videos, frames = args.videos or 2, args.frames or 270
    step('write_avtrack', root, videos=videos, frames=frames)
    print(f'AVTrack: {videos} videos of {frames} frames of 720 x 1280, 3 persons, PNG files')
    ours, summary = run_tool(args, 'avtrack', root, '--no-jf')
    print(ours.line('ours'))
    two, summary_of_two = run_tool(args, 'avtrack', root, '--no-jf', '--workers', '2')
    print(two.line('ours, two workers'))
    check_equal(summary, summary_of_two)
    pngs = step('decode_pngs', root)
    print(
        f'{"decoding the PNG files alone":30}{pngs["ours"]:8.2f} s ({pngs["files"]} files)', end=''
    )
    print(f', {100 * pngs["ours"] / ours.cpu:.0f} % of ours; with OpenCV {pngs["opencv"]:.2f} s')
    scored = step('score_rles', root)
    print(f'{"ours, RLEs in memory":30}{scored["seconds"]:8.3f} s')
    if args.without_trackeval:
        return
    theirs, result = best(args, lambda: run_step('trackeval_avtrack', root))
    check_equal(result['summary'], summary)
    check_equal(result['summary'], scored['summary'])
    print(theirs.line('merging and TrackEval'))
    their_rles = step('trackeval_rles', root)
    print(f'{"TrackEval, RLEs in memory":30}{their_rles["seconds"]:8.3f} s')
    print_ratio('one process', theirs, ours, goal=3)
    print_ratio('two workers', theirs, two, goal=5)
    whole, rles = theirs.cpu / scored['seconds'], their_rles['seconds'] / scored['seconds']
    print(
        f'ratio, scoring from RLEs alone: {whole:.0f} to merging and TrackEval (goal 60), ', end=''
    )
    print(f'{rles:.1f} to TrackEval from RLEs')


def time_aviseg(root: Path, args: argparse.Namespace) -> None:
    """Compare both sides on a ground-truth file and a results file."""
    videos, frames = args.videos or 60, args.frames or 60
    step('write_aviseg', root, videos=videos, frames=frames)
    print(f'AVISeg: {videos} videos of {frames} frames of 360 x 640, 1 to 5 tracks, 26 classes')
    ours, summary = run_tool(args, 'aviseg', root)
    print(ours.line('ours, all five metrics'))
    if args.without_trackeval:
        return
    theirs, result = best(args, lambda: run_step('trackeval_aviseg', root))
    check_equal(result['summary'], summary)
    print(theirs.line('TrackEval, HOTA and TrackMAP'))
    more, _ = best(args, lambda: run_step('trackeval_aviseg', root, more=1))
    print(more.line('also CLEAR and Identity'))
    print_ratio('HOTA and TrackMAP', theirs, ours, goal=3)
    print_ratio('also CLEAR and Identity', more, ours, goal=3)


def measure_memory(root: Path, args: argparse.Namespace) -> None:
    """Compare the peak memory of many and of few videos."""
    many = args.videos or 1000
    few, frames = min(FEW_VIDEOS, max(1, many // 4)), args.frames or 60
    peaks = []
    for videos in (few, many):
        folder = root / str(videos)
        step('write_aviseg', folder, videos=videos, frames=frames, different=10)
        run, _ = run_tool(args, 'aviseg', folder)
        peaks.append(run.memory)
        print(f'memory: {videos} videos of {frames} frames: {run.memory:.0f} MB, {run.wall:.1f} s')
    print(f'ratio, memory: {peaks[1] / peaks[0]:.2f} (goal: at most 1.3)')


def print_ratio(name: str, theirs: Run, ours: Run, *, goal: int) -> None:
    """Print how many times faster ours is."""
    wall, cpu = theirs.wall / ours.wall, theirs.cpu / ours.cpu
    print(f'ratio, {name}: {wall:.1f} by the clock, {cpu:.1f} by processors (goal {goal})')


def check_equal(expected: Mapping[str, float], found: Mapping[str, float]) -> None:
    """Exit unless all expected numbers are equal."""
    wrong = {
        key: (value, found.get(key))
        for key, value in expected.items()
        if not abs(value - found.get(key, float('inf'))) <= SUMMARY_TOLERANCE
    }
    if wrong:
        sys.exit(f'results differ: {wrong}')


def best(args: argparse.Namespace, attempt: Callable[[], tuple[Run, Any]]) -> tuple[Run, Any]:
    """The fastest of some repetitions, for wall-clock and processor seconds separately."""
    runs = [attempt() for _ in range(args.repetitions)]
    costs = Run(*(min(values) for values in zip(*(run for run, _ in runs), strict=True)))
    return costs, runs[0][1]


def run_tool(
    args: argparse.Namespace, benchmark: str, root: Path, *flags: str
) -> tuple[Run, dict[str, float]]:
    """Run our command-line tool; return the fastest run and the summary."""
    gt, pred = root / 'gt', root / 'pred'
    if benchmark == 'aviseg':
        gt, pred = root / GT_FILE, root / PRED_FILE
    command = [str(TOOL), benchmark, '--gt', str(gt), '--pred', str(pred), '--out', str(root)]
    run, _ = best(args, lambda: (run_command([*command, *flags], root), None))
    summary: dict[str, float] = json.loads((root / 'metrics.json').read_text())['summary']
    return run, summary


def run_step(name: str, root: Path, **options: int) -> tuple[Run, dict[str, Any]]:
    """Run a step of evaluation_steps.py."""
    root.mkdir(exist_ok=True)
    flags = [f'--{key}={value}' for key, value in options.items()]
    run = run_command([str(STEPS), name, str(root), *flags], root)
    result: dict[str, Any] = json.loads((root / 'output.txt').read_text().splitlines()[-1])
    return run, result


def step(name: str, root: Path, **options: int) -> dict[str, Any]:
    """The result of a step."""
    return run_step(name, root, **options)[1]


def run_command(command: list[str], root: Path) -> Run:
    """Run a Python script, and measure it together with its child processes."""
    log = root / 'output.txt'
    environment = {**os.environ, 'PYTHONPATH': f'{ROOT}:{os.environ.get("PYTHONPATH", "")}'}
    with log.open('w') as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *command], stdout=output, stderr=subprocess.STDOUT, env=environment
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f'{" ".join(command)} failed:\n{log.read_text()}')
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)


if __name__ == '__main__':
    main()
