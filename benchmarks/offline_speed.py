r"""Measure the processor time of ``avtracker_offline`` by stage, for 1, 2 and 5 faces.

The videos have 1280 x 720 pixels and 25 frames per second, and show a video of one face several
times, shifted in time. Each is tracked twice: before, with a segmentation of every frame and a
search of the whole image in each of them, and as it is shipped. ``benchmarks/two_faces.py`` says
where the media are.

    python benchmarks/offline_speed.py --sound sample.wav --video carphone_pristine.mp4 \\
        --weights data/pretrained/lr_asd_ava.pth

Printed: seconds of processor time per second of video.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.io import wavfile

from avis.utils.mp4 import write_mp4

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / 'configs' / 'avis' / 'avtracker' / 'avtracker_offline.py'
FPS, HEIGHT, WIDTH = 25, 720, 1280
STAGES = ('recognizing speech', 'tracking people', 'finding speakers', 'associating speakers')
BEFORE = {
    'model.instance_tracker.max_fps': float(FPS),
    'model.instance_tracker.search_seconds': 0.0,
}


def mosaic(face: Sequence[NDArray[np.uint8]], count: int, length: int) -> Iterator[NDArray]:
    """Images with a number of faces side by side, at most three in a row."""
    loop = [*face, *face[-2:0:-1]]
    columns, rows = min(count, 3), -(-count // 3)
    cell = (WIDTH // max(columns, 2), HEIGHT // rows)
    scale = min(cell[0] / face[0].shape[1], cell[1] / face[0].shape[0])
    size = (int(face[0].shape[1] * scale), int(face[0].shape[0] * scale))
    for t in range(length):
        image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
        for k in range(count):
            shown = cv2.resize(loop[(t + 23 * k) % len(loop)], size)
            row, column = divmod(k, columns)
            x, y = column * cell[0], row * cell[1]
            image[y : y + size[1], x : x + size[0]] = shown[:, :: -1 if k % 2 else 1]
        yield image


def measure(path: Path, options: dict[str, object]) -> dict[str, float]:
    """Processor seconds of each stage of one video."""
    from avis.apis import init_model, predict_video, video_record

    model = init_model(CONFIG, cfg_options=options)
    marks: list[tuple[str, float]] = []
    predict_video(
        model,
        video_record(path),
        on_stage=lambda stage: marks.append((stage, time.process_time())),
    )
    ends = [*(start for _, start in marks[1:]), time.process_time()]
    return {stage: end - start for (stage, start), end in zip(marks, ends, strict=True)}


def main() -> None:
    """Make the videos, track them and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--video', required=True, help='a video of one face')
    parser.add_argument('--sound', dest='audio', required=True, help='WAV with speech')
    parser.add_argument('--weights', required=True, help='converted weights of LR-ASD')
    parser.add_argument('--faces', type=int, nargs='+', default=[1, 2, 5])
    parser.add_argument('--seconds', type=int, default=10, help='length of a video')
    args = parser.parse_args()
    os.environ.setdefault('OMP_NUM_THREADS', '1')  # before NumPy and torch read it
    with av.open(args.video) as video:
        face = [frame.to_ndarray(format='rgb24') for frame in video.decode(video=0)]
    rate, samples = wavfile.read(args.audio)
    samples = samples[-args.seconds * rate :]
    print('| faces | version |', *(f'{stage} |' for stage in STAGES), 'sum |')
    print('|---|---|' + '---|' * (len(STAGES) + 1))
    with tempfile.TemporaryDirectory() as folder:
        for count in args.faces:
            path = Path(folder) / f'{count}.mp4'
            images = mosaic(face, count, args.seconds * FPS)
            write_mp4(path, images, fps=FPS, audio=samples, sample_rate=rate)
            for version, options in {'before': BEFORE, 'after': {}}.items():
                used = {
                    'model.grounding.scorer.weights': args.weights,
                    'model.cache_dir': None,
                    'model.record_dir': None,
                    'model.on_error': 'raise',
                    **options,
                }
                seconds = measure(path, used)
                each = [seconds.get(stage, 0.0) / args.seconds for stage in STAGES]
                cells = ' | '.join(f'{value:.2f}' for value in (*each, sum(each)))
                print(f'| {count} | {version} | {cells} |', flush=True)


if __name__ == '__main__':
    main()
