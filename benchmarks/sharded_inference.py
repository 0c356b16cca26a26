"""Kill shards of a simulated array job at random moments, and compare its files with one run.

The elements of the job are processes that run ``avis infer ... --shard I/N``, as those of
``tools/slurm_infer.sh`` do. They are forked from a process that has imported everything. Some are
killed (SIGKILL) after a random time, at most half of what the first shard takes; then the job is
submitted again. The files of all videos must equal those of one process that predicts all of them
without interruption. The model is a small AVISM with random weights.

    python benchmarks/sharded_inference.py
    python benchmarks/sharded_inference.py --shards 4 --killed 1 --videos 8
"""

import argparse
import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / 'configs' / 'avis' / 'demo_avism_synthetic.py'
HEIGHT, WIDTH, FPS = 48, 64, 4
AT_ONCE = 6  # processes


@dataclass(frozen=True)
class Job:
    """A call of ``avis infer`` that several processes share.

    Attributes:
        words: Its arguments but ``--out`` and ``--shard``.
        out: Folder of the results.
        log: File with the name of each video whose prediction is started.
    """

    words: Sequence[str]
    out: Path
    log: Path

    def start(
        self, shard: str | None = None, before_video: Callable[[], None] | None = None
    ) -> BaseProcess:
        """Start a process that predicts all videos, or a shard such as ``'1/40'``.

        Args:
            shard: Value of ``--shard``; None for all videos.
            before_video: Called in the process before each prediction.
        """
        words = ['infer', *self.words, '--out', str(self.out)]
        words += [] if shard is None else ['--shard', shard]
        # Forked, so that it need not import torch and mmdet.
        process = multiprocessing.get_context('fork').Process(
            target=_infer, args=(words, self.log, before_video), daemon=True
        )
        process.start()
        return process

    def predictions(self) -> Counter[str]:
        """How often the prediction of each video was started."""
        return Counter(self.log.read_text('utf-8').splitlines())


def _infer(words: Sequence[str], log: Path, before_video: Callable[[], None] | None) -> None:
    """Run a command in this process, which has been forked for it."""
    from avis.apis import batch_inference
    from avis.cli.main import main as run_avis

    replaced: Any = batch_inference
    predict = batch_inference.predict_video

    def predict_and_log(model: Any, record: Any, **arguments: Any) -> Any:
        with log.open('a', encoding='utf-8') as file:
            file.write(f'{record["video_name"]}\n')
        if before_video is not None:
            before_video()
        return predict(model, record, **arguments)

    replaced.predict_video = predict_and_log
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    sys.exit(run_avis(words))


def run_shards(
    job: Job, shards: Sequence[str], kill_after: Mapping[str, float] | None = None
) -> dict[str, int]:
    """Run shards, several at a time.

    Args:
        job: The job.
        shards: Values of ``--shard``.
        kill_after: Seconds after which some of them are killed, if they still run.

    Returns:
        Exit status of each shard.
    """
    kill_after = kill_after or {}
    waiting = list(shards)
    status: dict[str, int] = {}
    running: dict[str, tuple[BaseProcess, float]] = {}
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            shard = waiting.pop(0)
            running[shard] = job.start(shard), time.perf_counter()
        time.sleep(0.01)
        for shard, (process, start) in list(running.items()):
            if time.perf_counter() - start > kill_after.get(shard, float('inf')):
                process.kill()
            if process.exitcode is not None:
                status[shard] = process.exitcode
                del running[shard]
    return status


def contents(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below a folder by its path in it."""
    files = (path for path in sorted(folder.rglob('*')) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def make_inputs(folder: Path, videos: int, seed: int) -> list[str]:
    """Write videos of 2 to 8 frames and a checkpoint; returns the first words of the command."""
    import torch

    import avis.apis.batch_inference  # noqa: F401 - so that no shard has to
    from avis.apis import init_model
    from avis.utils.mp4 import write_mp4

    rng = np.random.default_rng(seed)
    for number in range(videos):
        length = int(rng.integers(2, 9))
        noise = rng.integers(0, 256, (length, HEIGHT // 8, WIDTH // 8, 3)).astype(np.uint8)
        frames = noise.repeat(8, axis=1).repeat(8, axis=2)
        audio = rng.normal(0, 2000, 16000 * length // FPS).astype(np.int16)
        write_mp4(folder / 'videos' / f'{number:04d}.mp4', frames, fps=FPS, audio=audio)
    torch.manual_seed(seed)
    torch.save({'state_dict': init_model(CONFIG).state_dict()}, folder / 'random.pth')
    words = [str(CONFIG), str(folder / 'random.pth'), str(folder / 'videos')]
    return [*words, '--device', 'cpu', '--no-video']


def report(whole: Job, array: Job, kills: int) -> None:
    """Compare the files of both jobs and print the differences."""
    expected, files = contents(whole.out), contents(array.out)
    different = [path for path in expected if files.get(path) != expected[path]]
    print(f'{len(expected)} files of one run, {len(files)} of the shards')
    print(f'different or missing: {different or "none"}')
    print(f'in addition: {sorted(files.keys() - expected.keys()) or "none"}')
    again = [video for video, times in array.predictions().items() if times > 1]
    print(f'started more than once: {len(again)} videos, after {kills} kills')


def main() -> None:
    """Run everything and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--shards', type=int, default=40)
    parser.add_argument('--killed', type=int, default=5, help='shards that are killed')
    parser.add_argument('--videos', type=int, default=60)
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / 'videos').mkdir()
        words = make_inputs(folder, args.videos, args.seed)
        whole = Job(words, folder / 'whole', folder / 'whole.log')
        array = Job(words, folder / 'array', folder / 'array.log')
        process = whole.start()
        shards = [f'{number}/{args.shards}' for number in range(1, args.shards + 1)]
        start = time.perf_counter()
        run_shards(array, shards[:1])
        usual = time.perf_counter() - start
        rng = random.Random(args.seed)
        chosen = {shard: rng.uniform(0, usual / 2) for shard in rng.sample(shards[1:], args.killed)}
        status = run_shards(array, shards[1:], chosen)
        killed = [shard for shard in shards[1:] if status[shard] == -signal.SIGKILL]
        complete = len(list(array.out.glob('*/results.json')))
        print(f'killed: {", ".join(killed)}; complete then: {complete} of {args.videos} videos')
        failed = {shard: code for shard, code in run_shards(array, shards).items() if code}
        print(f'submitted again; failed: {failed or "none"}')
        process.join()
        report(whole, array, len(killed))
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(f'{sum(each.ru_utime + each.ru_stime for each in used):.0f} s of processor time')


if __name__ == '__main__':
    main()
