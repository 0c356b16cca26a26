"""Compare the time of VGGish on a batch of clips: batched front end and NumPy clip by clip.

The official code computes the log-mel examples of one clip after the other in NumPy, in float64,
and runs the network, in the default memory layout of torch, on one clip. Each side runs in its own
process, so that the peak of one does not hide that of the other; both have the same random weights.
Front end and full encoder are timed separately, the best of several repetitions counts: in seconds
of processor time on the CPU, independent of other load, and of wall time on a GPU. The results must
agree.

    python benchmarks/vggish.py                        # 16 clips of 10 s
    python benchmarks/vggish.py --clips 64 --device cuda
"""

import argparse
import multiprocessing
import os
import resource
import time
from collections.abc import Callable

os.environ.setdefault('OMP_NUM_THREADS', '1')  # before NumPy and torch read it

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avis.models.audio_encoders.vggish import VGGish, VGGishNetwork
from avis.synthetic.log_mel import log_mel_examples

REPETITIONS = 7
Result = tuple[float, float, float, NDArray[np.float32], NDArray[np.float32]]


def make_audio(clips: int, seconds: int) -> NDArray[np.int16]:
    """Return tones of varying pitch with noise, (clips, samples) at 16 kHz."""
    rng = np.random.default_rng(0)
    time_axis = np.arange(seconds * 16000) / 16000
    pitch = rng.uniform(100, 2000, (clips, 1)) * (1 + 0.1 * np.sin(time_axis))
    tones = 0.3 * np.sin(2 * np.pi * np.cumsum(pitch, axis=1) / 16000)
    return (32767 * (tones + 0.05 * rng.normal(size=tones.shape))).astype(np.int16)


def peak_memory(device: str) -> float:
    """Return the peak memory in MB (1e6 bytes): of the device, or resident on the CPU."""
    if device != 'cpu':
        return torch.cuda.max_memory_allocated() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def best_of(run: Callable[[], Tensor], device: str) -> tuple[float, Tensor]:
    """Return seconds of the fastest repetition, after one warm-up, and its result."""
    clock = time.process_time if device == 'cpu' else time.perf_counter
    result, seconds = run(), []
    for _ in range(REPETITIONS):
        start = clock()
        result = run()
        if device != 'cpu':
            torch.cuda.synchronize()
        seconds.append(clock() - start)
    return min(seconds), result


@torch.no_grad()
def measure(args: argparse.Namespace, queue: multiprocessing.Queue, *, ours: bool) -> None:
    """Put seconds of front end and encoder, peak memory and both results on the queue."""
    torch.set_num_threads(int(os.environ['OMP_NUM_THREADS']))
    audio, device, count = make_audio(args.clips, args.seconds), args.device, args.seconds
    torch.manual_seed(0)
    encoder = VGGish(frozen=False, framing='clip_repeat').to(device).eval()
    network: VGGishNetwork = encoder.network
    front_end = encoder.front_end
    if ours:
        batch = torch.from_numpy(audio / np.float32(32768)).to(device)
        front, examples = best_of(lambda: front_end(batch, count), device)
        whole, embeddings = best_of(lambda: encoder(batch, count), device)
    else:
        network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]

        def clip_by_clip() -> list[Tensor]:
            clips = [log_mel_examples(clip, count)[:, 0] for clip in audio]
            return [torch.from_numpy(clip).to(device) for clip in clips]

        front, examples = best_of(lambda: torch.stack(clip_by_clip()), device)
        whole, embeddings = best_of(
            lambda: torch.stack([network(clip) for clip in clip_by_clip()]), device
        )
    queue.put((front, whole, peak_memory(device), examples.cpu().numpy(), embeddings.cpu().numpy()))


def run(args: argparse.Namespace, *, ours: bool) -> Result:
    """Measure one side in a fresh process."""
    context = multiprocessing.get_context('spawn')
    queue = context.Queue()
    process = context.Process(target=measure, args=(args, queue), kwargs={'ours': ours})
    process.start()
    result: Result = queue.get()
    process.join()
    return result


def main() -> None:
    """Run both sides and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--clips', type=int, default=16)
    parser.add_argument('--seconds', type=int, default=10, help='and examples per clip')
    parser.add_argument('--device', default='cpu')
    args = parser.parse_args()
    threads = os.environ['OMP_NUM_THREADS']
    print(f'{args.clips} clips of {args.seconds} s at 16 kHz, {args.device}, {threads} thread(s)')
    ours, theirs = run(args, ours=True), run(args, ours=False)
    for name, (front, whole, memory, *_) in (
        ('ours, batched', ours),
        ('NumPy, clip by clip', theirs),
    ):
        print(
            f'{name:20} front end {front:8.3f} s   with network {whole:8.3f} s   '
            f'peak {memory:.0f} MB'
        )
    difference = max(float(np.abs(a - b).max()) for a, b in zip(ours[3:], theirs[3:], strict=True))
    print(
        f'{"ratio":20} front end {theirs[0] / ours[0]:8.2f}     with network '
        f'{theirs[1] / ours[1]:8.2f}     largest difference {difference:.1e}'
    )
    if difference > 1e-4:
        raise SystemExit('the two sides disagree')


if __name__ == '__main__':
    main()
