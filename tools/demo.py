"""Show the main job on small data made on the spot: train, test with and without sound, draw."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # this clone

CONFIGS, NAME = ROOT / 'configs/avs', 'demo_tpavi_synthetic'
VIDEOS = {'train': 240, 'val': 30, 'test': 60}
DRAWN = 3  # test clips in the picture and in the film


def main() -> None:
    """Parse the arguments and run the demo."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--work-dir', type=Path, default=ROOT / 'work_dirs/demo', metavar='DIR')
    args = parser.parse_args()
    work_dir: Path = args.work_dir.resolve()
    begin = time.monotonic()

    make_data(work_dir / 'data')
    loud, muted = configs(work_dir / 'data')
    before = time.monotonic()
    checkpoint = train_once(loud, work_dir / 'train')
    trained = time.monotonic() - before

    from avis.apis.runner import test

    loud.log_level = muted.log_level = 'WARNING'  # the table at the end says it all
    scores = {
        'with sound': test(loud, checkpoint, work_dir=work_dir / 'test'),
        'muted': test(muted, checkpoint, work_dir=work_dir / 'test_muted'),
    }
    draw(loud, muted, checkpoint, work_dir)
    seconds = {'training': round(trained), 'all': round(time.monotonic() - begin)}
    report = {'metrics': scores, 'seconds': seconds, 'checkpoint': str(checkpoint)}
    (work_dir / 'metrics.json').write_text(json.dumps(report, indent=2) + '\n')
    print_report(scores, seconds, work_dir)


def make_data(folder: Path) -> None:
    """Draw and sound the videos, unless an earlier demo did."""
    from avis.datasets.synthetic.generator import make_dataset

    if (folder / 'Multi-sources').is_dir():
        return
    make_dataset(
        layout='avsbench_ms3',
        out=folder,
        videos=sum(VIDEOS.values()),
        splits=tuple(VIDEOS.values()),
        size=(128, 128),
        seed=0,
    )


def configs(data: Path) -> tuple[Any, Any]:
    """The demo config on our data, and the same with the sound of the test data muted."""
    from avis.apis import load_config

    root = str(data / 'Multi-sources')
    options = {f'{split}_dataloader.dataset.data_root': root for split in VIDEOS}
    loud, muted = (load_config(CONFIGS / f'{NAME}{end}.py', options) for end in ('', '_muted'))
    return loud, muted


def train_once(config: Any, work_dir: Path) -> Path:
    """Train, or go on where an interrupted demo stopped; the path of the last checkpoint."""
    from avis.apis.runner import train

    train(config, work_dir=work_dir, resume='auto')
    return Path((work_dir / 'last_checkpoint').read_text().strip())


def draw(loud: Any, muted: Any, checkpoint: Path, work_dir: Path) -> None:
    """Write the picture and the film of the test clips that sound and silence tell apart most."""
    import numpy as np

    from avis.engine.hooks.visualization_hook import clip_rows, film, frame_titles
    from avis.visualization.drawing import picture_grid, write_png
    from avis.visualization.video_writer import write_clip

    clips = list(zip(predict(loud, checkpoint), predict(muted, checkpoint), strict=True))
    grids, films, sounds = [], [], []
    for (data, sample), (_, silent) in pick(clips):
        frames = data['inputs']['frames'].permute(0, 2, 3, 1).numpy()
        large, rows, _ = clip_rows(frames, sample, None)
        rows['muted'] = clip_rows(frames, silent, None)[1]['prediction']
        titles = frame_titles(sample, len(frames))
        grids.append(picture_grid({'frame': list(large), **rows}, titles=titles))
        films.append(film(large, rows))
        sounds.append(data['inputs']['audio'].numpy())
    write_png(work_dir / 'grid.png', np.concatenate(grids))
    write_clip(
        work_dir / 'prediction.mp4',
        np.concatenate(films),
        fps=float(sample.fps),
        sound=np.concatenate(sounds),
        sample_rate=int(sample.sample_rate),
    )


def predict(config: Any, checkpoint: Path) -> list[tuple[dict[str, Any], Any]]:
    """The first test clips: what goes into the model, and the sample with its prediction."""
    import torch
    from mmengine.dataset import pseudo_collate

    from avis.apis import init_model
    from avis.registry import DATASETS

    model: Any = init_model(config, checkpoint)
    dataset = DATASETS.build(config.test_dataloader.dataset)
    items = [dataset[index] for index in range(4 * DRAWN)]
    with torch.no_grad():
        return [(item, model.test_step(pseudo_collate([item]))[0]) for item in items]


def pick(clips: list[Any]) -> list[Any]:
    """The clips whose truth changes most from frame to frame: who sounds takes turns there."""

    def turns(clip: Any) -> int:
        truth = clip[0][1].gt_sem_seg.sem_seg.int()
        return int((truth[1:] != truth[:-1]).sum())

    return sorted(clips, key=turns, reverse=True)[:DRAWN]


def print_report(scores: dict[str, Any], seconds: dict[str, int], work_dir: Path) -> None:
    """Print the scores, and where everything is."""
    from rich.console import Console
    from rich.table import Table

    table = Table('test', *next(iter(scores.values())))
    for name, metrics in scores.items():
        table.add_row(name, *(f'{value:.4f}' for value in metrics.values()))
    console = Console()
    console.print(table)
    console.print(f'{seconds["training"]} s of training, {seconds["all"]} s in all')
    for name in ('metrics.json', 'grid.png', 'prediction.mp4'):
        console.print(work_dir / name, soft_wrap=True)


if __name__ == '__main__':
    main()
