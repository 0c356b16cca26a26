"""Measure what the demo of active speaker detection learns from the audio.

Makes synthetic face tracks, trains configs/asd/demo_lr_asd_synthetic.py from scratch with several
seeds, and scores the videos that it was not trained on: with their own audio, without audio, and
each track with the audio of another video.

    python benchmarks/synthetic_asd.py --work-dir work_dirs/synthetic_asd

Printed per seed: the average precisions in percent, and the minutes of training on two cores, which
are the processor time of training and loading over two. A set that exists is used again.
"""

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

from demo_training import make_set

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # this clone
CONFIG = ROOT / 'configs' / 'asd' / 'demo_lr_asd_synthetic.py'
MUTED = ROOT / 'configs' / 'asd' / 'demo_lr_asd_synthetic_muted.py'
TRAIN, VAL, SECONDS = 300, 100, 3  # videos, and the length of each


def exchange_audio(source: Path, out: Path) -> Path:
    """The validation set with the audio of a track of another video; returns the folder."""
    if not out.exists():
        out.mkdir()
        for name in ('csv', 'clips_videos'):
            (out / name).symlink_to((source / name).resolve())
        tracks = sorted((source / 'clips_audios' / 'val').glob('*/*.wav'))
        half = len(tracks) // 2
        for track, other in zip(tracks, [*tracks[half:], *tracks[:half]], strict=True):
            target = out / track.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(other, target)
    return out


def train(data: Path, work: Path, seed: int) -> tuple[Path, float]:
    """Train the demo; returns the last checkpoint and the processor time in seconds."""
    from avis.apis.runner import train as train_config

    options: dict[str, object] = {
        'experiment_name': f'seed_{seed}',
        'log_level': 'WARNING',
        'randomness.seed': seed,
    }
    for name in ('train_dataloader', 'val_dataloader'):  # loading counts, too
        options |= {f'{name}.num_workers': 0, f'{name}.persistent_workers': False}
        options[f'{name}.dataset.data_root'] = str(data)
    before = time.process_time()
    train_config(CONFIG, work_dir=work, cfg_options=options)
    used = time.process_time() - before
    return Path((work / 'last_checkpoint').read_text()), used


def score(config: Path, checkpoint: Path, data: Path) -> float:
    """Average precision in percent."""
    from avis.apis.runner import test

    options = {
        'experiment_name': f'{checkpoint.parent.name}_{config.stem}_{data.name}',
        'log_level': 'WARNING',
        'test_dataloader.dataset.data_root': str(data),
    }
    found = test(config, checkpoint, work_dir=checkpoint.parent / 'test', cfg_options=options)
    return 100 * found['ava/average_precision']


def main() -> None:
    """Parse the arguments, train, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--work-dir', type=Path, required=True, help='folder of data and runs')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    args = parser.parse_args()
    os.environ.setdefault('OMP_NUM_THREADS', '1')  # before NumPy and torch read it
    work: Path = args.work_dir
    work.mkdir(parents=True, exist_ok=True)
    splits = (TRAIN, VAL, 0)
    data = make_set('ava', work / 'data', videos=sum(splits), splits=splits, seconds=SECONDS)
    exchanged = exchange_audio(data, work / 'exchanged')
    print('| seed | own audio | muted | audio of another video | minutes on two cores |')
    print('|---|---|---|---|---|', flush=True)
    for seed in args.seeds:
        checkpoint, used = train(data, work / f'seed_{seed}', seed)
        scores = [
            score(CONFIG, checkpoint, data),
            score(MUTED, checkpoint, data),
            score(CONFIG, checkpoint, exchanged),
        ]
        cells = ' | '.join(f'{value:.1f}' for value in (*scores, used / 60 / 2))
        print(f'| {seed} | {cells} |', flush=True)


if __name__ == '__main__':
    main()
