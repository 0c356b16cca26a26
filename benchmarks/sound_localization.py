"""Measure what the demos of sound source localization learn from the audio.

Makes synthetic clips, trains a demo config without boxes, and scores the test clips: with their own
audio, with the audio of a clip of another class, and without audio, beside a box at the center.

    export OMP_NUM_THREADS=1
    python benchmarks/sound_localization.py --work-dir work_dirs/sounds --seeds 1
    python benchmarks/sound_localization.py --work-dir work_dirs/sounds --seeds 0 --method lvs

A seed is that of data and training. Printed are the scores of the official protocol, and the
minutes of processor time of the training. Data and checkpoints that exist are used again.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from demo_training import make_set, train_only, use_data

ROOT = Path(__file__).resolve().parents[1]
METHODS = ('ez_vsl', 'lvs')
sys.path[:0] = [str(ROOT), *(str(ROOT / 'projects' / name) for name in METHODS)]

SPLITS = (640, 80, 160)  # clips, as in the README of EZ-VSL
OPTIONS = {'videos': sum(SPLITS), 'splits': SPLITS, 'seconds': 3, 'size': (160, 160)}
SCORES = ('cIoU@0.5', 'AUC', 'mean_cIoU')


def exchange_audio(source: Path, out: Path) -> Path:
    """Give each clip that has boxes the audio of one of another class; returns the data root."""
    if not out.exists():
        (out / 'audio').mkdir(parents=True)
        for path in source.iterdir():
            if path.name != 'audio':
                (out / path.name).symlink_to(path.resolve())
        clips = json.loads((source / 'vggss.json').read_text())
        clips.sort(key=lambda clip: clip['class'])  # no class has more than half of the clips
        half = len(clips) // 2
        for clip, other in zip(clips, [*clips[half:], *clips[:half]], strict=True):
            assert clip['class'] != other['class']
            audio = source / 'audio' / f'{other["file"]}.wav'
            (out / 'audio' / f'{clip["file"]}.wav').symlink_to(audio.resolve())
    return out


def load(method: str, data: Path, seed: int) -> Any:
    """Return the demo config on these data, without validation."""
    from avis.apis import load_config

    path = ROOT / f'projects/{method}/configs/demo_{method}_synthetic.py'
    config = load_config(path, {'randomness.seed': seed})
    use_data(config, data, data)
    train_only(config, config.train_cfg.max_epochs)
    return config


def score(config: Any, checkpoint: Path, data: Path, *, muted: bool = False) -> dict[str, float]:
    """Scores of the test clips of a data root, without the prefix of the metric."""
    from avis.apis.runner import test

    config = config.copy()
    config.test_dataloader.dataset.data_root = str(data)
    if muted:
        config.test_dataloader.dataset.pipeline.mute_audio = {'type': 'MuteAudio'}
    found = test(config, checkpoint, work_dir=checkpoint.parent / 'test')
    return {key.removeprefix('vggss/'): value for key, value in found.items()}


def measure(method: str, seed: int, work_dir: Path) -> None:
    """Train with a seed, and print the rows of the table."""
    from tools.demo import train_once

    data = make_set('vggss', work_dir / f'data_{seed}', seed=seed, **OPTIONS)
    exchanged = exchange_audio(data, work_dir / f'exchanged_{seed}')
    config = load(method, data, seed)
    before = time.process_time()
    checkpoint = train_once(config, work_dir / f'{method}_{seed}')
    minutes = (time.process_time() - before) / 60
    own = score(config, checkpoint, data)
    answers = {
        'own audio': own,
        'audio of another class': score(config, checkpoint, exchanged),
        'muted': score(config, checkpoint, data, muted=True),
        'center box': {name: own[f'center_box_{name}'] for name in SCORES},
    }
    for name, scores in answers.items():
        cells = ' | '.join(f'{scores[key]:.3f}' for key in SCORES)
        print(f'| {method} | {seed} | {name} | {cells} | {minutes:.1f} |', flush=True)


def main() -> None:
    """Parse the arguments, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--work-dir', type=Path, required=True, help='folder of data and runs')
    parser.add_argument('--method', choices=METHODS, default=METHODS[0])
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    args = parser.parse_args()
    print(f'| method | seed | answer | {" | ".join(SCORES)} | minutes |')
    print('|---|---:|---|---:|---:|---:|---:|', flush=True)
    for seed in args.seeds:
        measure(args.method, seed, args.work_dir.resolve())


if __name__ == '__main__':
    main()
