r"""Compare the peak memory of ``avis infer avtracker_offline`` for videos of several lengths.

A video of one face is shown three times side by side, shifted in time, with a recording of several
speakers that is repeated. Every run is a fresh process with all outputs, the annotated video
included. ``benchmarks/two_faces.py`` says where the media are.

    python benchmarks/offline_memory.py --sound sample.wav --video carphone_pristine.mp4
    python benchmarks/offline_memory.py --minutes 1 60 --fps 2 --sound ... --video ...
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from scipy.io import wavfile

from avis.utils.mp4 import write_mp4

ROOT = Path(__file__).resolve().parents[1]
FACES = 3


def write_video(
    path: Path, face: Sequence[NDArray[np.uint8]], fps: float, sound: Path, minutes: float
) -> None:
    """Write a video, see the top of this file."""
    rate, samples = wavfile.read(sound)
    loop = [*face, *face[-2:0:-1]]

    def frames() -> Iterator[NDArray[np.uint8]]:
        for t in range(round(60 * minutes * fps)):
            sides = [loop[(t + side * len(loop) // FACES) % len(loop)] for side in range(FACES)]
            yield np.concatenate(sides, axis=1)

    def audio(start: int, end: int) -> NDArray[np.int16]:
        repeated: NDArray[np.int16] = samples[np.arange(start, end) % len(samples)]
        return repeated

    write_mp4(path, frames(), fps=fps, audio=audio, sample_rate=rate)


def infer(path: Path, weights: str | None) -> tuple[float, float]:
    """Run ``avis infer`` in its own process; return the peak in MB and the processor seconds."""
    options = ['model.cache_dir=None', 'model.record_dir=None', 'model.on_error=raise']
    options += [] if weights is None else [f'model.grounding.scorer.weights={weights}']
    command = [sys.executable, '-m', 'avis', 'infer', 'avtracker_offline', str(path)]
    command += ['--out', str(path.with_suffix('')), '--cfg-options', *options]
    environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f'avis infer failed: {process.returncode}')
    return usage.ru_maxrss * 1024 / 1e6, usage.ru_utime + usage.ru_stime


def main() -> None:
    """Make the videos, predict them and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--video', required=True, help='a video of one face')
    parser.add_argument('--sound', required=True, type=Path, help='WAV with speech')
    parser.add_argument('--weights', help='converted weights of LR-ASD; default: the rules')
    parser.add_argument('--minutes', type=float, nargs='+', default=[1, 30])
    parser.add_argument('--fps', type=float, default=2.0, help='of the videos')
    args = parser.parse_args()
    with av.open(args.video) as video:
        rate = float(video.streams.video[0].average_rate or 25)
        face = [frame.to_ndarray(format='rgb24') for frame in video.decode(video=0)]
    face = face[:: max(round(rate / args.fps), 1)]
    print('| minutes | peak memory | processor time |\n|---|---|---|')
    with tempfile.TemporaryDirectory() as folder:
        for minutes in args.minutes:
            path = Path(folder) / f'{minutes:g}.mp4'
            write_video(path, face, args.fps, args.sound, minutes)
            peak, seconds = infer(path, args.weights)
            print(f'| {minutes:g} | {peak:.0f} MB | {seconds:.0f} s |', flush=True)
            path.unlink()


if __name__ == '__main__':
    main()
