"""Compare the speed of mIoU and F of AVSBench: our scorer against the authors' procedure.

The authors' procedure compares the whole frame with each of the 255 thresholds in float tensors of
torch. It is implemented here from the formulas (``score_dense``) and run on the first videos only;
its time is extrapolated to all of them, as the output says. Data are generated video by video; only
scoring is timed, in processor seconds, in one process with one thread. The script exits with an
error if the numbers differ.

    python benchmarks/avs_metrics.py                # S4's test set: 740 videos of 5 frames, 224x224
    python benchmarks/avs_metrics.py --videos 40 --dense-videos 4
"""

import argparse
import os
import resource
import time
from collections.abc import Iterator

os.environ['OMP_NUM_THREADS'] = '1'  # before NumPy and torch are imported

import cv2
import numpy as np
from numpy.typing import NDArray

from avis.evaluation.functional.avsbench import pool_clips, score_clip

BATCH_SIZE = 4
Clip = tuple[NDArray[np.float32], NDArray[np.uint8]]


def generate(videos: int, frames: int, size: int) -> Iterator[Clip]:
    """Yield probabilities (T, H, W) float32 and ground truth (T, H, W) uint8 0/1.

    They resemble a trained model: confident inside and outside of an object, uncertain at its
    boundary and in a few wrong regions.
    """
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size].astype(np.float32) / size
    for _ in range(videos):
        center, radius = rng.uniform(0.3, 0.7, (2, frames, 1, 1)), rng.uniform(0.1, 0.3)
        distance = np.hypot(y - center[0], x - center[1]).astype(np.float32)
        coarse = rng.normal(0, 2, (frames, 12, 12)).astype(np.float32)
        noise = np.stack(
            [cv2.resize(c, (size, size), interpolation=cv2.INTER_CUBIC) for c in coarse]
        )
        logits = (radius - distance) * 40 + noise + rng.normal(0, 0.1, noise.shape)
        prob = 1 / (1 + np.exp(-logits.astype(np.float32)))
        target = (distance < radius).astype(np.uint8)
        target[rng.random(frames) < 0.1] = 0  # silent frames
        yield prob, target


def score_ours(clips: Iterator[Clip], *, as_8_bit: bool = False) -> tuple[float, float, float]:
    """Return mIoU, F and the seconds of the scorer."""
    seconds, scores = 0.0, []
    for prob, target in clips:
        prob = (prob * 255).round().astype(np.uint8) if as_8_bit else prob
        start = time.process_time()
        scores.append(score_clip(prob, target))
        seconds += time.process_time() - start
    start = time.process_time()
    pooled = pool_clips(scores, batch_size=BATCH_SIZE)
    return pooled.miou, pooled.F_score, seconds + time.process_time() - start


def score_dense(clips: Iterator[Clip]) -> tuple[float, float, float]:
    """The authors' procedure on batches of clips: mIoU, F and its seconds."""
    import torch

    torch.set_num_threads(1)
    thresholds = torch.linspace(0, 1 - 1e-10, 255)
    seconds, scores, batch = 0.0, [], []
    for prob, target in clips:
        batch.append((torch.from_numpy(prob), torch.from_numpy(target).float()))
        if len(batch) < BATCH_SIZE:
            continue
        probs, targets = (torch.cat(part) for part in zip(*batch, strict=True))
        batch = []
        start = time.process_time()
        masks = (probs > 0.5).int()
        inter, union = (masks * targets).sum((1, 2)), torch.max(masks, targets).sum((1, 2))
        silent = targets.sum((1, 2)) == 0
        both_empty = ((1 - masks) * (1 - targets)).sum((1, 2))
        inter = torch.where(silent, both_empty, inter)
        union = torch.where(silent, torch.tensor(float(masks[0].numel())), union)
        curves = []
        for p, g in zip(probs, targets, strict=True):
            if g.mean() == 0:
                continue
            precision, recall = torch.zeros(255), torch.zeros(255)
            for i in range(255):
                passed = (p >= thresholds[i]).float()
                hits = (passed * g).sum()
                precision[i] = hits / (passed.sum() + 1e-20)
                recall[i] = hits / (g.sum() + 1e-20)
            curve = 1.3 * precision * recall / (0.3 * precision + recall)
            curves.append(curve.nan_to_num(0.0))
        best = torch.stack(curves).mean(0).max().item() if curves else 0.0
        scores.append(((inter / (union + 1e-7)).mean().item(), best))
        seconds += time.process_time() - start
    miou, f_score = np.mean(scores, axis=0)
    return float(miou), float(f_score), seconds


def peak_memory() -> float:
    """Peak resident memory of this process, in MB (1e6 bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def main() -> None:
    """Run both sides and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--videos', type=int, default=740)
    parser.add_argument('--frames', type=int, default=5)
    parser.add_argument('--size', type=int, default=224)
    parser.add_argument('--dense-videos', type=int, default=12, help='a multiple of 4')
    args = parser.parse_args()
    if args.dense_videos % BATCH_SIZE or not 0 < args.dense_videos <= args.videos:
        parser.error(f'--dense-videos must be a multiple of {BATCH_SIZE} and at most --videos')
    shape = args.frames, args.size
    print(f'{args.videos} videos of {args.frames} x {args.size} x {args.size}, batch {BATCH_SIZE}')

    miou, f_score, ours = score_ours(generate(args.videos, *shape))
    memory = peak_memory()  # torch is not imported yet
    print(
        f'ours             {ours:8.2f} s   mIoU {miou:.6f}  F {f_score:.6f}  peak {memory:.0f} MB'
    )
    *_, levels = score_ours(generate(args.videos, *shape), as_8_bit=True)
    print(f'ours, 8-bit      {levels:8.2f} s')

    part = score_ours(generate(args.dense_videos, *shape))
    *dense, seconds = score_dense(generate(args.dense_videos, *shape))
    scaled = seconds * args.videos / args.dense_videos
    note = f'extrapolated from {seconds:.2f} s for {args.dense_videos} videos'
    print(f'dense, 255 times {scaled:8.2f} s   ({note})')
    difference = float(np.abs(np.subtract(dense, part[:2])).max())
    print(f'ratio            {scaled / ours:8.1f}     largest difference {difference:.1e}')
    if difference > 2e-6:
        raise SystemExit('results differ')


if __name__ == '__main__':
    main()
