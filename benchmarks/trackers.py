"""Compare the trackers on synthetic speaking people: every frame head, with and without audio.

The model of configs/avis/demo_avism_synthetic.py is trained four times: with AVISM's frame head and
with a plain Mask2Former frame head, each with audio and with muted audio, in training and test. A
model is trained with its clip module; then the predictions of its frame head on the test videos are
the input of every tracker of configs/avis/avism. The gate that drops silent frames by class
probability is the same for all. Scores are those of the corrected protocol.

    python benchmarks/trackers.py                                  # four times 800 iterations
    python benchmarks/trackers.py --iterations 200 --data data/synthetic_aviseg
"""

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from demo_training import shorten

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # for tools/demo.py, which makes the data
CONFIGS = ROOT / 'configs' / 'avis'
HEADS = ('AVISM', 'Mask2Former')
AUDIO = ('audio', 'muted')
# The clip module is trained with its model; the online trackers are those of these configs.
ONLINE_TRACKERS = {
    'QueryMatchingTracker': 'ablations/avism_r50_in_aviseg_querymatching.py',
    'MaskOverlapTracker': 'ablations/avism_r50_in_aviseg_maskoverlap.py',
    'BoxTracker, ByteTrack': 'ablations/avism_r50_in_aviseg_bytetrack.py',
    'BoxTracker, OC-SORT': 'ablations/avism_r50_in_aviseg_ocsort.py',
}
SHOWN = {'HOTA': 'HOTA', 'AssA': 'AssA', 'FSLA': 'FA'}  # column to key of the metric

Scores = dict[str, float]


def variant(head: str, audio: str, *, data: Path, iterations: int, seed: int) -> Any:
    """Return the config of one of the four models, without validation."""
    from avis.apis import load_config

    config = load_config(CONFIGS / 'demo_avism_synthetic.py', {'randomness.seed': seed})
    if head == 'Mask2Former':
        config.model.frame_head.pop('audio_fusion')
        config.model.frame_head.type = 'Mask2FormerFrameHead'
    for split in ('train', 'test'):
        dataset = config[f'{split}_dataloader'].dataset
        dataset.data_root = str(data)
        if audio == 'muted':
            dataset.pipeline.mute_audio = {'type': 'MuteAudio'}
    shorten(config, iterations)
    return config


def trackers_of(model: Any) -> dict[str, Any]:
    """Return the tracker trained with a model, and those without training."""
    from avis.apis import load_config
    from avis.registry import MODELS

    files = ONLINE_TRACKERS.items()
    online = {name: load_config(CONFIGS / 'avism' / file).model.tracker for name, file in files}
    built = {name: MODELS.build(config) for name, config in online.items()}
    return {'ClipQueryTracker': model.tracker, **built}


def score(model: Any, config: Any) -> dict[str, Scores]:
    """Return the scores of every tracker on the test videos; the frame head runs once per video."""
    import torch
    from mmengine.dataset import pseudo_collate
    from mmengine.evaluator import Evaluator

    from avis.models.trackers.base import TrackerWindow
    from avis.registry import DATASETS

    model.eval()
    dataset: Any = DATASETS.build(config.test_dataloader.dataset)
    trackers = trackers_of(model)
    evaluators = {name: Evaluator([config.test_evaluator]) for name in trackers}
    for evaluator in evaluators.values():
        evaluator.dataset_meta = dataset.metainfo
    for index in range(len(dataset)):
        data = model.data_preprocessor(pseudo_collate([dataset[index]]))
        (sample,) = data['data_samples']
        with torch.no_grad():
            frames, audio = model.predict_frames(data['inputs'])
        for name, tracker in trackers.items():
            with torch.no_grad():
                state = tracker.start(model.sounding_gate)
                tracker.update(state, frames, audio, TrackerWindow.from_sample(sample))
            sample.pred_tracks = tracker.finish(state)
            evaluators[name].process([sample])
    scores = {}
    for name, evaluator in evaluators.items():
        metrics = evaluator.evaluate(len(dataset))
        prefix = evaluator.metrics[0].prefix
        scores[name] = {column: metrics[f'{prefix}/{key}'] for column, key in SHOWN.items()}
    return scores


def compare(data: Path, work_dir: Path, *, iterations: int, seed: int) -> Iterator[str]:
    """Train the four models and yield the rows of the table."""
    from avis.apis.runner import train

    for head, audio in itertools.product(HEADS, AUDIO):
        config = variant(head, audio, data=data, iterations=iterations, seed=seed)
        runner = train(config, work_dir=work_dir / f'{head}_{audio}'.lower())
        for name, scores in score(runner.model, config).items():
            values = ' | '.join(f'{value:.2f}' for value in scores.values())
            yield f'| {head} | {audio} | {name} | {values} |'


def main() -> None:
    """Parse the arguments, print each row when it is ready and the table at the end."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--iterations', type=int, default=800, help='of training, per model')
    parser.add_argument('--data', type=Path, help='in the layout of AVISeg; generated if missing')
    parser.add_argument('--work-dir', type=Path, help='keeps logs and checkpoints')
    parser.add_argument('--seed', type=int, default=0, help='of data and training')
    args = parser.parse_args()

    from tools.demo import make_data

    start, rows = time.monotonic(), []
    with tempfile.TemporaryDirectory() as folder:
        data = make_data(args.data or Path(folder, 'data'), args.seed)
        work_dir = args.work_dir or Path(folder, 'work')
        for row in compare(data, work_dir, iterations=args.iterations, seed=args.seed):
            print(row, flush=True)
            rows.append(row)
    seconds = time.monotonic() - start
    print(f'\n{args.iterations} iterations per model, seed {args.seed}, {seconds:.0f} s\n')
    print('| Frame head | Audio | Tracker |', *(f'{name} |' for name in SHOWN))
    print('| --- | --- | --- |', *('---: |' for _ in SHOWN))
    print('\n'.join(rows))


if __name__ == '__main__':
    main()
