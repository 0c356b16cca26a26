"""Time the synthetic data generator on one core, with everything that it writes.

A complete MS3 set of 224x224 frames is written: drawing, masks, PNG and WAV files, log-mel
pickles. The goal is 100 frames per second of processor time: one process with one thread does the
work, and other load of the machine must not count. Wall-clock seconds are printed, too.

    python benchmarks/synthetic_speed.py
    python benchmarks/synthetic_speed.py --layout avtrack --videos 20
"""

import argparse
import os
import tempfile
import time

os.environ['OMP_NUM_THREADS'] = '1'  # before NumPy reads it

import cv2

from avis.synthetic.generator import make_dataset
from avis.synthetic.recipe import LAYOUTS

GOAL = 100  # frames per second


def main() -> None:
    """Write the set to a temporary folder and print its speed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--layout', choices=LAYOUTS, default='avsbench_ms3')
    parser.add_argument('--videos', type=int, default=100)
    parser.add_argument('--size', type=int, default=224)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    size = args.size, args.size
    with tempfile.TemporaryDirectory() as folder:
        cpu, wall = time.process_time(), time.perf_counter()
        report = make_dataset(layout=args.layout, out=folder, videos=args.videos, size=size)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(f'{args.layout}: {report.frames} frames of {args.size} x {args.size}')
    print(f'processor time  {cpu:7.2f} s  {report.frames / cpu:7.1f} frames/s')
    print(f'wall clock      {wall:7.2f} s  {report.frames / wall:7.1f} frames/s')
    print(
        f'ratio to the goal of {GOAL} frames/s of processor time  {report.frames / cpu / GOAL:.2f}'
    )


if __name__ == '__main__':
    main()
