r"""Record memory, open files and threads of long runs, each in a process of its own.

- `infer`: thousands of short videos, hard links to a few different ones, through one `avis infer`;
- `evaluate`: as many videos of AVISeg through one evaluation;
- `long_video`: hours of video with audio at one frame per second through one `avis infer`;
- `training`: hundreds of epochs of two iterations, each with validation, checkpoint and logs.

Videos have 32 x 32 pixels, and models are small with random weights: what grows does so with the
number of videos, frames or epochs. The process is watched from outside in /proc (Linux). The rows
of a table are moments by processor time: the start-up ends at the first row, the run at the last.

    python benchmarks/endurance.py                                    # half an hour on one core
    python benchmarks/endurance.py --parts infer --videos 200
    python benchmarks/endurance.py --parts long_video --hours 0.5
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from streaming_memory import MALLOC_SETTINGS

ROOT = Path(__file__).resolve().parents[1]
SIDE, FRAMES, FPS, RATE = 32, 8, 1, 8000
DIFFERENT = 20  # videos; the others are links to them
PARTS = ('infer', 'evaluate', 'long_video', 'training')
MODEL = ('demo_tpavi_synthetic', 'none')
SMALL_FRAMES = ('--cfg-options', f'test_dataloader.dataset.pipeline.resize.size=[{SIDE},{SIDE}]')
TICKS = os.sysconf('SC_CLK_TCK')
MOMENTS = (0.1, 0.55, 1.0)  # of the processor time after the start-up


@dataclass(frozen=True)
class Usage:
    """What a process uses at one moment.

    Attributes:
        cpu: Processor seconds since its start.
        unique: Memory in MB that ends with it: private pages.
        resident: Memory in MB with pages that it shares.
        files: Open file descriptors.
        threads: Threads.
    """

    cpu: float
    unique: float
    resident: float
    files: int
    threads: int

    @classmethod
    def read(cls, process: int) -> 'Usage':
        """Read the state of a process.

        Raises:
            OSError: It has ended.
        """
        folder = Path('/proc') / str(process)
        times = (folder / 'stat').read_text().rpartition(')')[2].split()
        lines = [line.split() for line in (folder / 'smaps_rollup').read_text().splitlines()[1:]]
        sizes = {words[0]: int(words[1]) * 1024 / 1e6 for words in lines}
        return cls(
            cpu=(int(times[11]) + int(times[12])) / TICKS,
            unique=sizes['Private_Clean:'] + sizes['Private_Dirty:'],
            resident=sizes['Rss:'],
            files=len(list((folder / 'fd').iterdir())),
            threads=len(list((folder / 'task').iterdir())),
        )


def watch(command: Sequence[str], interval: float) -> list[Usage]:
    """Run a command, and return what it used at regular moments."""
    environment = {**os.environ, **MALLOC_SETTINGS, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
    with tempfile.TemporaryFile('w+') as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=ROOT)
        usages = []
        while process.poll() is None:
            try:
                usages.append(Usage.read(process.pid))
            except (OSError, KeyError):  # it is ending
                break
            time.sleep(interval)
        if process.wait():
            log.seek(0)
            raise SystemExit(f'{" ".join(command)} failed:\n{log.read()[-4000:]}')
    return usages


def table(usages: Sequence[Usage], startup: float) -> str:
    """Rows of the moments of a run whose start-up took some processor seconds."""
    lines = ['| CPU s | unique MB | resident MB | open files | threads |', '|---|---|---|---|---|']
    whole = usages[-1].cpu - startup
    for moment in MOMENTS:
        found = next(each for each in usages if each.cpu - startup >= moment * whole)
        lines.append(
            f'| {found.cpu:.0f} | {found.unique:.1f} | {found.resident:.1f} | {found.files} | '
            f'{found.threads} |'
        )
    return '\n'.join(lines)


def infer_command(folder: Path, video: Path) -> list[str]:
    """Predict a video, or all in a folder."""
    command = [sys.executable, '-m', 'avis', 'infer', *MODEL, str(video), '--no-video']
    return [*command, '--out', str(folder / 'out'), *SMALL_FRAMES]


def infer(folder: Path, args: argparse.Namespace) -> list[str]:
    """Make the short videos; returns the command."""
    videos = folder / 'videos'
    videos.mkdir()
    for number in range(args.videos):
        path = videos / f'{number:05d}.mp4'
        if number < DIFFERENT:
            write_video(path, FRAMES, FPS, seed=number)
        else:
            path.hardlink_to(videos / f'{number % DIFFERENT:05d}.mp4')
    return infer_command(folder, videos)


def long_video(folder: Path, args: argparse.Namespace) -> list[str]:
    """Make the long video; returns the command."""
    path = folder / 'long.mp4'
    write_video(path, round(3600 * args.hours), 1, seed=0)
    return infer_command(folder, path)


def evaluate(folder: Path, args: argparse.Namespace) -> list[str]:
    """Make the files of AVISeg; returns the command."""
    from evaluation_data import GT_FILE, PRED_FILE, write_aviseg

    write_aviseg(folder, videos=args.videos, frames=FRAMES, size=(SIDE, SIDE), different=DIFFERENT)
    tool = [sys.executable, '-m', 'avis', 'evaluate', 'aviseg']
    return [*tool, '--gt', str(folder / GT_FILE), '--pred', str(folder / PRED_FILE)]


def training(folder: Path, args: argparse.Namespace) -> list[str]:
    """Return the command."""
    config = ROOT / 'tests/configs/tiny.py'
    command = [sys.executable, '-m', 'avis', 'train', str(config), '--work-dir', str(folder)]
    options = (f'train_cfg.max_epochs={args.epochs}', 'train_dataloader.dataset.length=8')
    return [*command, '--cfg-options', *options]


def write_video(path: Path, length: int, fps: int, seed: int) -> None:
    """Write a video of a moving box over noise, with a tone."""
    from avis.utils.mp4 import write_mp4

    def audio(start: int, end: int) -> NDArray[np.int16]:
        return (8000 * np.sin(np.arange(start, end) / (5 + seed))).astype(np.int16)

    write_mp4(path, _frames(length, seed), fps=fps, audio=audio, sample_rate=RATE)


def _frames(length: int, seed: int) -> Iterator[NDArray[np.uint8]]:
    noise = np.random.default_rng(seed).integers(90, 150, (SIDE, SIDE, 3)).astype(np.uint8)
    for t in range(length):
        frame = noise.copy()
        left = (t + seed) % (SIDE // 2)
        frame[8:20, left : left + 12] = (230, 40, 40)
        yield frame


def main() -> None:
    """Run the parts, and print a table of each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--parts', nargs='+', choices=PARTS, default=PARTS)
    parser.add_argument('--videos', type=int, default=10000, help='of infer and evaluate')
    parser.add_argument('--hours', type=float, default=6.0, help='of the long video')
    parser.add_argument('--epochs', type=int, default=300)
    parser.add_argument('--interval', type=float, default=5.0, help='seconds between two looks')
    parser.add_argument(
        '--startup', type=float, default=8.0, help='processor seconds of imports and the model'
    )
    args = parser.parse_args()
    parts: dict[str, Callable[[Path, argparse.Namespace], list[str]]] = {
        'infer': infer,
        'evaluate': evaluate,
        'long_video': long_video,
        'training': training,
    }
    for name in args.parts:
        with tempfile.TemporaryDirectory() as folder:
            command = parts[name](Path(folder), args)
            usages = watch(command, args.interval)
            print(f'{name}\n{table(usages, args.startup)}', flush=True)


if __name__ == '__main__':
    main()
