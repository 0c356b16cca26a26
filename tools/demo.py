"""Train and test a small AVISM on synthetic data: who sounds, where, with which identity.

Tests the model with audio and with muted audio, scores and diagnoses the results and draws them.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any, Literal

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # avis of this clone

from avis.utils.arguments import make_parser
from avis.utils.cli import run

ROOT = Path(__file__).resolve().parents[1]
CONFIGS, NAME = ROOT / 'configs/avis', 'demo_avism_synthetic'
VIDEOS = {'train': 640, 'val': 15, 'test': 40}  # 1.2 GB
SECONDS, SIZE, IDENTITIES = 10, (64, 128), 6
DRAWN = 3  # test videos in the image and in the video
CELL = 128  # height of a frame in the image in pixels
# The official protocol averages over 25 classes that do not occur here.
PROTOCOL: Literal['official', 'corrected'] = 'corrected'


def main() -> None:
    """Parse the arguments and run the demo."""
    parser = make_parser(__doc__)
    parser.add_argument('--work-dir', type=Path, default=ROOT / 'work_dirs/demo', metavar='DIR')
    parser.add_argument('--seed', type=int, default=0, help='of data and training (default 0)')
    args = parser.parse_args()
    work_dir: Path = args.work_dir.resolve()
    begin = time.monotonic()

    data = make_data(work_dir / f'data_{args.seed}', args.seed, processes=os.cpu_count() or 1)
    with_audio, muted = configs(data, args.seed)
    before = time.monotonic()
    checkpoint = train_once(with_audio, work_dir / f'train_{args.seed}')
    trained = time.monotonic() - before

    with_audio.log_level = muted.log_level = 'WARNING'  # the tables follow at the end
    results = {
        name: score(config, checkpoint, folder, name)
        for name, config, folder in (
            ('with audio', with_audio, work_dir / 'test'),
            ('muted', muted, work_dir / 'test_muted'),
        )
    }
    draw(with_audio, muted, checkpoint, work_dir)
    seconds = {'training': round(trained), 'all': round(time.monotonic() - begin)}
    from avis.evaluation.benchmarks.report import encode_json
    from avis.utils.atomic import write_atomic

    report = {
        'protocol': PROTOCOL,
        'metrics': {name: result['summary'] for name, result in results.items()},
        'seconds': seconds,
        'checkpoint': str(checkpoint),
    }
    write_atomic(work_dir / 'metrics.json', encode_json(report))
    print_report(results, seconds, work_dir)


def make_data(folder: Path, seed: int, processes: int = 1) -> Path:
    """Generate the videos, unless an earlier demo did."""
    from avis.synthetic.generator import make_dataset

    if not folder.is_dir():
        make_dataset(
            layout='aviseg',
            out=folder,
            videos=sum(VIDEOS.values()),
            splits=tuple(VIDEOS.values()),
            seconds=SECONDS,
            size=SIZE,
            identities=IDENTITIES,
            people_only=True,
            seed=seed,
            processes=processes,
        )
    return folder


def configs(data: Path, seed: int) -> tuple[Any, Any]:
    """The demo config on the generated data, and the same with muted audio in testing."""
    from avis.apis import load_config

    options: dict[str, Any] = {
        f'{split}_dataloader.dataset.data_root': str(data) for split in VIDEOS
    }
    options['randomness.seed'] = seed
    with_audio, muted = (
        load_config(CONFIGS / f'{NAME}{end}.py', options) for end in ('', '_muted')
    )
    return with_audio, muted


def train_once(config: Any, work_dir: Path) -> Path:
    """Train, or resume an interrupted demo; returns the path of the last checkpoint."""
    import torch

    from avis.apis.runner import train

    if torch.__version__ >= '2.4':  # from there on, a CPU updates all parameters in one operation
        config.optim_wrapper.optimizer.fused = True
    train(config, work_dir=work_dir, resume='auto')
    return Path((work_dir / 'last_checkpoint').read_text().strip())


def write_predictions(config: Any, checkpoint: Path, work_dir: Path) -> Path:
    """Write the predictions of the test set as a submission."""
    from avis.apis.runner import test

    predictions = work_dir / 'results.json'
    config.test_evaluator.out = str(predictions)
    test(config, checkpoint, work_dir=work_dir)
    return predictions


def score(config: Any, checkpoint: Path, work_dir: Path, name: str) -> dict[str, Any]:
    """Write the predictions of the test set as a submission, and score that file."""
    from avis.apis import evaluate

    predictions = write_predictions(config, checkpoint, work_dir)
    gt = Path(config.test_dataloader.dataset.data_root) / 'test.json'
    return evaluate(
        'aviseg',
        gt,
        {name: predictions},
        protocol=PROTOCOL,
        diagnose=True,
        out=work_dir / 'report',
    )


def draw(with_audio: Any, muted: Any, checkpoint: Path, work_dir: Path) -> None:
    """Draw an image and a video of the test videos with the most changes of speaker."""
    import numpy as np

    from avis.visualization.clips import MIN_SIDE
    from avis.visualization.drawing import image_grid, write_rgb_png
    from avis.visualization.video_writer import write_clip

    clips = list(zip(predict(with_audio, checkpoint), predict(muted, checkpoint), strict=True))
    clips.sort(key=lambda clip: turns(clip[0][1]), reverse=True)
    grids, videos, waveforms = [], [], []
    for (data, sample), (_, muted_sample) in clips[:DRAWN]:
        frames = data['inputs']['frames'].permute(0, 2, 3, 1).numpy()
        small, large = (draw_both(frames, sample, muted_sample, side) for side in (CELL, MIN_SIDE))
        rows = {name: images[::2] for name, images in small.rows.items()}
        grids.append(image_grid(rows, titles=small.titles[::2]))
        videos.append(large.video())
        waveforms.append(data['inputs']['audio'].numpy())
    write_rgb_png(work_dir / 'grid.png', np.concatenate(grids))
    write_clip(
        work_dir / 'prediction.mp4',
        np.concatenate(videos),
        fps=float(sample.fps),
        audio=np.concatenate(waveforms),
        sample_rate=int(sample.sample_rate),
    )


def draw_both(frames: Any, sample: Any, muted_sample: Any, min_side: int) -> Any:
    """Ground truth, prediction, and prediction with muted audio of a clip."""
    from avis.structures.labels import AVISEG_CLASSES
    from avis.visualization.clips import draw_clip

    drawn, without = (
        draw_clip(frames, each, metainfo={'classes': AVISEG_CLASSES}, min_side=min_side)
        for each in (sample, muted_sample)
    )
    drawn.rows['muted'] = without.rows['prediction']
    return drawn


def predict(config: Any, checkpoint: Path) -> list[tuple[dict[str, Any], Any]]:
    """The first test videos: the input of the model, and the sample with its prediction."""
    import torch
    from mmengine.dataset import pseudo_collate

    from avis.apis import init_model
    from avis.registry import DATASETS

    model: Any = init_model(config, checkpoint)
    dataset = DATASETS.build(config.test_dataloader.dataset)
    items = [dataset[index] for index in range(4 * DRAWN)]
    with torch.no_grad():
        return [(item, model.test_step(pseudo_collate([item]))[0]) for item in items]


def turns(sample: Any) -> int:
    """How often a ground truth instance starts or stops sounding."""
    present = [[rle is not None for rle in track.rles] for track in sample.gt_tracks.masks]
    return sum(a != b for track in present for a, b in zip(track[1:], track[:-1], strict=True))


def print_report(results: dict[str, Any], seconds: dict[str, int], work_dir: Path) -> None:
    """Print the scores, the diagnosis, and the paths of the results."""
    from rich.console import Console

    from avis.evaluation.benchmarks.report import print_result

    console = Console()
    print_result({**results['with audio'], 'others': [results['muted']]}, console)
    console.print(f'{seconds["training"]} s of training, {seconds["all"]} s in total')
    for name in ('metrics.json', 'test/report', 'grid.png', 'prediction.mp4'):
        console.print(work_dir / name, soft_wrap=True)


if __name__ == '__main__':
    run(main)
