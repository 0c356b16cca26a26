"""Measure the contribution of the audio to avtracker_offline, on synthetic people who talk.

Makes a synthetic AVTrack, each video with one of the eight challenges, and a copy in which every
video has the audio of the next one. Tests configs/avis/avtracker/avtracker_offline.py on both, as
tools/test.py does, and prints the tables of configs/avis/avtracker/README.md: HOTA with the own
and with the exchanged audio (paired bootstrap over the videos), HOTA by challenge with its gain if
who, where or same is replaced by ground truth, and the time and memory of each stage.

    python benchmarks/offline_speakers.py                          # strengths 0, 0.5 and 1
    python benchmarks/offline_speakers.py --strengths 1 --seed 5 --videos 60

Confirm a change with the second line: 20 videos of one seed are few.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from demo_training import make_set

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # this clone
CONFIG = ROOT / 'configs' / 'avis' / 'avtracker' / 'avtracker_offline.py'
COMPONENTS = ('who', 'where', 'same')


def make_videos(out: Path, *, strength: float, videos: int, seconds: int, seed: int) -> Path:
    """Make videos with challenges unless they exist; returns their folder."""
    from avis.synthetic.recipe import CHALLENGES

    return make_set(
        'avtrack',
        out,
        videos=videos,
        seconds=seconds,
        seed=seed,
        people_only=True,
        challenges=dict.fromkeys(CHALLENGES, strength),
        in_turn=True,
    )


def exchange_audio(source: Path, out: Path) -> Path:
    """Copy a set, each video with the audio of the next one; returns the folder of the copy."""
    if not out.exists():
        shutil.copytree(source, out)
        files = sorted((source / 'Audios').iterdir())
        for file, other in zip(files, [*files[1:], files[0]], strict=True):
            shutil.copyfile(other, out / 'Audios' / file.name)
    return out


def track(config: Path, data: Path, work: Path, cache: Path) -> Path:
    """Track the speakers of a set; returns the folder of the predictions."""
    from avis.apis.runner import test

    options = {
        'experiment_name': uuid4().hex,  # mmengine requires a new name for each run of a process
        'log_level': 'WARNING',
        'test_dataloader.dataset.data_root': str(data),
        'test_evaluator.out': str(work / 'speakers'),
        'model.cache_dir': str(cache),
        'model.record_dir': str(work / 'records'),
    }
    test(config, None, work_dir=work, cfg_options=options)
    return work / 'speakers'


def measure(
    config: Path, work: Path, *, strength: float, videos: int, seconds: int, seed: int
) -> dict[str, Any]:
    """Make one set, track it with both audio versions, and score it.

    Returns:
        The ``strength``, the ``comparison`` of HOTA, its ``rows`` by challenge, and the folder of
        the ``records``.
    """
    from avis.apis.evaluation import evaluate

    name = f'seed_{seed}_strength_{strength:g}_{videos}x{seconds}'
    data = make_videos(
        work / 'data' / name, strength=strength, videos=videos, seconds=seconds, seed=seed
    )
    exchanged = exchange_audio(data, work / 'data' / f'{name}_exchanged')
    own = track(config, data, work / name, work / 'cache')
    other = track(config, exchanged, work / f'{name}_exchanged', work / 'cache')
    result = evaluate('avtrack', data, [own, other], diagnose=True, by='attributes', with_jf=False)
    (second,) = result['others']
    rows = [
        {**row, 'exchanged': other_row['summary']['HOTA']}
        for row, other_row in zip(result['breakdown'], second['breakdown'], strict=True)
        if row['group'] != '(none)'  # without challenges these are all videos
    ]
    return {
        'strength': strength,
        'comparison': second['comparison']['HOTA'],
        'rows': rows,
        'records': work / name / 'records',
    }


def comparison_row(result: Mapping[str, Any]) -> str:
    """Table row of HOTA with both audio versions; the difference is own - exchanged."""
    compared = result['comparison']
    low, high = (-end for end in reversed(compared['interval']))
    difference = (
        f'{-compared["difference"]:.1f} ({low:.1f}..{high:.1f}), p {compared["p_value"]:.2g}'
    )
    name = f'strength {result["strength"]:g}' if result['strength'] else 'none'
    return f'| {name} | {compared["first"]:.1f} | {compared["second"]:.1f} | {difference} |'


def condition_rows(result: Mapping[str, Any]) -> Iterator[str]:
    """Table rows for all videos and for each challenge."""
    for row in result['rows']:
        gain = row['diagnosis']['metrics']['HOTA']['gain']
        cells = [
            row['group'].replace('_', ' '),
            str(row['num_videos']),
            f'{row["summary"]["HOTA"]:.1f}',
            f'{row["exchanged"]:.1f}',
            *(f'{gain[component]:+.1f}' for component in COMPONENTS),
        ]
        yield f'| {" | ".join(cells)} |'


def main() -> None:
    """Parse the arguments, measure, and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--strengths', type=float, nargs='+', default=[0, 0.5, 1])
    parser.add_argument('--videos', type=int, default=20)
    parser.add_argument('--seconds', type=int, default=20, help='length of a video')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--config', default=str(CONFIG))
    parser.add_argument(
        '--work-dir', type=Path, help='keeps the data, predictions and cached stages'
    )
    args = parser.parse_args()
    os.environ.setdefault('OMP_NUM_THREADS', '1')  # before NumPy and torch read it

    from avis.apis.stage_times import stage_times

    sizes = {'videos': args.videos, 'seconds': args.seconds, 'seed': args.seed}
    with tempfile.TemporaryDirectory() as folder:
        work = args.work_dir or Path(folder)
        results = [measure(Path(args.config), work, strength=s, **sizes) for s in args.strengths]
        print(f'\n{json.dumps(sizes)}\n\n| challenges | own audio | exchanged | difference |')
        print('|---|---|---|---|', *map(comparison_row, results), sep='\n')
        for result in results:
            print(f'\nstrength {result["strength"]:g}\n')
            print('| challenge | videos | own audio | exchanged |', *(f'{c} |' for c in COMPONENTS))
            print('|---|---|---|---|---|---|---|', *condition_rows(result), sep='\n')
            print(f'\n{stage_times(result["records"])}')


if __name__ == '__main__':
    main()
