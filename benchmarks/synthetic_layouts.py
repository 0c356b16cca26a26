"""Train on each layout of the synthetic data for some epochs, and score it beside trivial answers.

Each layout is generated, read by its data set class, trained on from scratch with the small config
of its task, and tested with the metric of its benchmark under the corrected protocol. A trivial
answer needs neither the frames nor the audio of a clip.

    export OMP_NUM_THREADS=1
    python benchmarks/synthetic_layouts.py --work-dir work_dirs/synthetic_layouts
    python benchmarks/synthetic_layouts.py --work-dir work_dirs/synthetic_layouts --layouts ava

avtrack has no clips to train on: it is a second test of the model of aviseg. jhmdb has none either,
and trains on other videos of the same layout. Printed are scores in percent, and the minutes of
processor time of data, training and tests. Data and checkpoints that exist are used again.
"""

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # avis of this clone

import trivial_answers
from demo_training import make_set, use_data, use_epochs

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = map(str, sorted(ROOT.glob('projects/*')))
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
VAL = 2  # videos for validation, which is off


@dataclass(frozen=True)
class Layout:
    """How one layout is made, trained on and scored.

    Attributes:
        config: Config of the model.
        videos: Number of videos for training, and for testing.
        options: Further options of the generator.
        scores: Names of the scores, and their keys in the metric.
        unit: Factor from a score to percent.
        prepare: Changes data and model of the config for this layout.
        answers: Trivial answers that the metric does not score itself.
        trained_on: Layout of the training videos, if they are another data set.
        epochs: Length of the training.
    """

    config: str
    videos: tuple[int, int]
    options: Mapping[str, Any]
    scores: Mapping[str, str]
    unit: float = 100.0
    prepare: Callable[[Any], None] | None = None
    answers: Mapping[str, trivial_answers.Answer] = field(default_factory=dict)
    trained_on: str | None = None
    epochs: int = 1


@dataclass(frozen=True)
class Row:
    """One score of a layout in percent, of the model and of trivial answers."""

    layout: str
    samples: int
    epochs: int
    score: str
    model: float
    answers: Mapping[str, float]

    def __str__(self) -> str:
        """Cells of a Markdown table."""
        found = ', '.join(
            f'{name.replace("_", " ")} {value:.1f}' for name, value in self.answers.items()
        )
        above = 'yes' if self.model > max(self.answers.values()) else '**no**'
        return (
            f'| `{self.layout}` | {self.samples} | {self.epochs} | {self.score} | '
            f'{self.model:.1f} | {found} | {above} |'
        )


def use_s4(config: Any) -> None:
    """Read clips of S4."""
    for name in LOADERS:
        config[name].dataset.type = 'AVSBenchS4'


def use_avss(config: Any) -> None:
    """Read clips of 5 or 10 frames, and predict one of 71 classes per pixel."""
    classes = 71
    for name in LOADERS:
        dataset = config[name].dataset
        dataset.type = 'AVSBenchSemantic'
        del dataset['audio']
        steps = dict(dataset.pipeline)
        pack = steps.pop('pack')
        steps['load_labels'].update(encoding='voc_colors', num_classes=classes)
        padding = {'type': 'PadFrames', 'num_frames': 10, 'pad_waveform': True}
        dataset.pipeline = {**steps, 'pad_frames': padding, 'pack': pack}
    config.model.decode_head.num_classes = classes
    config.model.loss_seg = {'type': 'LabeledCrossEntropyLoss'}
    config.test_evaluator = {'type': 'AVSSMetric'}


def use_avtrack(config: Any) -> None:
    """Test on persons of AVTrack."""
    config.test_dataloader.dataset.type = 'AVTrack'
    config.test_evaluator = {'type': 'AVTrackMetric'}
    config.model.reported_classes = [trivial_answers.PERSON]


def train_from_scratch(config: Any) -> None:
    """Train all of the model of text at once, without the weights of its first stage."""
    config.load_from = None
    config.optim_wrapper.pop('paramwise_cfg', None)


def use_jhmdb(config: Any) -> None:
    """Read the frames around the annotated one, with silence: the layout has no audio."""
    train_from_scratch(config)
    for name in LOADERS:
        dataset = config[name].dataset
        dataset.update(type='JHMDBSentences', split='test', window=dataset.pop('length'))
        dataset.pipeline.load_audio.missing = 'silence'
    config.test_evaluator = {'type': 'ReferringMetric'}


TPAVI = 'configs/avs/demo_tpavi_synthetic.py'
TEXT = 'configs/avs/demo_text_tpavi_synthetic.py'
AVISM = 'configs/avis/demo_avism_synthetic.py'
CLIPS = {'size': (96, 96)}
PEOPLE = {'size': (64, 128), 'seconds': 8, 'identities': 6, 'people_only': True}
LAYOUTS = {
    'avsbench_s4': Layout(
        TPAVI,
        (400, 60),
        CLIPS,
        {'mIoU': 'avs_corrected/miou'},
        prepare=use_s4,
        answers=trivial_answers.MASKS,
    ),
    'avsbench_ms3': Layout(
        TPAVI,
        (240, 40),
        CLIPS,
        {'mIoU': 'avs_corrected/miou', 'mIoU sounding': 'avs_corrected/miou_sounding'},
        answers=trivial_answers.MASKS,
        epochs=9,
    ),
    'avss': Layout(
        TPAVI,
        (300, 40),
        CLIPS,
        {'mIoU, present classes': 'avss_corrected/miou_present'},
        prepare=use_avss,
        answers=trivial_answers.CLASS_MASKS,
        epochs=6,
    ),
    'aviseg': Layout(
        AVISM,
        (480, 30),
        PEOPLE,
        {'HOTA': 'aviseg_corrected/HOTA', 'FSLA': 'aviseg_corrected/FA'},
        unit=1.0,
        answers=trivial_answers.TRACKS,
        epochs=6,
    ),
    'avtrack': Layout(
        AVISM,
        (480, 30),
        PEOPLE,
        {'HOTA': 'avtrack_corrected/HOTA'},
        unit=1.0,
        prepare=use_avtrack,
        answers=trivial_answers.TRACKS,
        trained_on='aviseg',
        epochs=6,
    ),
    'ava': Layout(
        'configs/asd/demo_lr_asd_synthetic.py',
        (300, 30),
        {'size': (128, 128), 'seconds': 2},
        {'average precision': 'ava_corrected/average_precision'},
        answers=trivial_answers.FACES,
        epochs=6,
    ),
    'refavs': Layout(
        TEXT,
        (240, 60),
        {'size': (32, 32), 'seconds': 3, 'identities': 4},
        {'J, seen and unseen': 'ref_avs_corrected/J_mix', 'F': 'ref_avs_corrected/F_mix'},
        prepare=train_from_scratch,
        epochs=20,
    ),
    'jhmdb': Layout(
        TEXT,
        (300, 80),
        {'size': (32, 32), 'identities': 4, 'video_fps': 6},
        {'mean IoU': 'referring_corrected/mean_iou'},
        prepare=use_jhmdb,
        trained_on='jhmdb',
        epochs=9,
    ),
    'vggss': Layout(
        'projects/ez_vsl/configs/demo_ez_vsl_synthetic.py',
        (1280, 160),
        {'size': (160, 160), 'seconds': 3},
        {'cIoU@0.5': 'vggss_corrected/cIoU@0.5', 'mean cIoU': 'vggss_corrected/mean_cIoU'},
        epochs=16,
    ),
}


def make_splits(
    name: str, out: Path, splits: tuple[int, int, int], options: Mapping[str, Any]
) -> Path:
    """Make the videos unless they exist; returns the data root."""
    from avis.synthetic.recipe import TEST_ONLY

    known = None if name in TEST_ONLY else splits
    return make_set(name, out, videos=sum(splits), splits=known, **options)


def make_data(name: str, layout: Layout, folder: Path) -> tuple[Path, Path]:
    """Return the data roots for training and for testing."""
    train, test = layout.videos
    if layout.trained_on is None:
        splits = (train, test, 0) if name == 'ava' else (train, 0, test)
        root = make_splits(name, folder / name, splits, layout.options)
        return root, root
    source, options = layout.trained_on, layout.options
    if source == name:
        other = make_splits(name, folder / f'{name}_train', (train, 0, 0), {**options, 'seed': 1})
    else:
        other, _ = make_data(source, LAYOUTS[source], folder)
    return other, make_splits(name, folder / name, (0, 0, test), options)


def load(name: str, layout: Layout, folder: Path) -> Any:
    """Return the config of a layout on its data, which are made first."""
    from avis.apis import load_config

    config = load_config(ROOT / layout.config)
    if layout.prepare is not None:
        layout.prepare(config)
    config.test_evaluator.protocol = 'corrected'
    use_data(config, *make_data(name, layout, folder))
    return config


def run(name: str, layout: Layout, folder: Path) -> list[Row]:
    """Train and test; returns the scores of the model and of the trivial answers."""
    from avis.apis.runner import test
    from avis.registry import DATASETS
    from tools.demo import train_once

    config = load(name, layout, folder)
    samples = len(DATASETS.build(config.train_dataloader.dataset))
    use_epochs(config, samples, layout.epochs)
    checkpoint = train_once(config, folder / f'{layout.trained_on or name}_run')
    model = test(config, checkpoint, work_dir=folder / f'{name}_test')
    answers = {
        answer: trivial_answers.score_answer(config, function)
        for answer, function in layout.answers.items()
    }
    rows = []
    for score, key in layout.scores.items():
        found = {answer: scores[key] for answer, scores in answers.items()}
        found |= trivial_answers.find_scores(model, key)
        percent = {answer: layout.unit * value for answer, value in found.items()}
        rows.append(Row(name, samples, layout.epochs, score, layout.unit * model[key], percent))
    return rows


def main() -> None:
    """Parse the arguments, and print the table when all layouts are done."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--work-dir', type=Path, required=True, help='folder of data and runs')
    parser.add_argument('--layouts', nargs='+', choices=LAYOUTS, default=list(LAYOUTS))
    args = parser.parse_args()
    lines = [
        '| layout | samples | epochs | score | model | trivial answers | above | minutes |',
        '|---|---:|---:|---|---:|---|---|---:|',
    ]
    for name in args.layouts:
        before = time.process_time()
        rows = run(name, LAYOUTS[name], args.work_dir.resolve())
        minutes = (time.process_time() - before) / 60
        lines += [f'{row} {minutes:.1f} |' for row in rows]
    print('\n'.join(lines))


if __name__ == '__main__':
    main()
