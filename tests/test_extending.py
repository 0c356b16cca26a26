"""The pages on extending avis, followed to the letter by a user outside the clone.

Each test starts in an empty folder, writes the files of one recipe as the page shows them, and
runs a tool of the clone on them in a new process. Nothing below avis/ or configs/ is changed.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.helpers.docs_pages import DOCS, ROOT, read_page
from tests.helpers.warm_python import run_warm

SYNTHETIC = 'tools/dataset_tools/make_synthetic.py --seed 1 --splits 2 1 1 --seconds 5'
AVS_DATA = f'{SYNTHETIC} --layout avsbench_ms3 --out data/synthetic_ms3 --size 96x96'
AVIS_DATA = f'{SYNTHETIC} --layout aviseg --out data/synthetic_aviseg --size 64x128 --people-only'
TRAIN = (
    'tools/train.py {config} --cfg-options train_cfg.max_epochs=1 train_cfg.val_interval=1 '
    'train_dataloader.num_workers=0 val_dataloader.num_workers=0 train_dataloader.batch_size=1'
)
TEST = 'tools/test.py {config} none --cfg-options test_dataloader.num_workers=0'


@dataclass(frozen=True)
class Recipe:
    """What a user writes and runs.

    Attributes:
        page: Page below docs/ with a block for each file.
        files: The files that the user writes.
        commands: Tools of the clone with their arguments, in order.
        printed: Text that the last command prints.
        block: Word in the Python block of the page that makes the data, if there is one.
    """

    page: str
    files: tuple[str, ...]
    commands: tuple[str, ...]
    printed: str
    block: str = ''


RECIPES = {
    'a backbone of mmdet': Recipe(
        'add_component',
        ('my_configs/demo_regnet.py',),
        (AVS_DATA, TRAIN.format(config='my_configs/demo_regnet.py')),
        'RegNet',
    ),
    'an audio encoder and a loss': Recipe(
        'add_component',
        ('my_parts/loudness.py', 'my_parts/masked_dice.py', 'my_configs/demo_my_parts.py'),
        (AVS_DATA, TRAIN.format(config='my_configs/demo_my_parts.py')),
        'Loudness',
    ),
    'a fusion block': Recipe(
        'add_component',
        ('my_parts/audio_scale.py', 'my_configs/demo_audio_scale.py'),
        (AVS_DATA, TRAIN.format(config='my_configs/demo_audio_scale.py')),
        'AudioScale',
    ),
    'a tracker': Recipe(
        'add_component',
        ('my_parts/previous_frame_tracker.py', 'my_configs/demo_previous_frame.py'),
        (AVIS_DATA, TEST.format(config='my_configs/demo_previous_frame.py')),
        'aviseg_corrected/HOTA',
    ),
    'a data set with own classes': Recipe(
        'own_instances',
        ('my_configs/demo_own_classes.py',),
        (
            'tools/dataset_tools/check_dataset.py my_configs/demo_own_classes.py --split train',
            TEST.format(config='my_configs/demo_own_classes.py'),
        ),
        'aviseg_corrected/HOTA',
        block='CLASSES = {1:',
    ),
    'a metric': Recipe(
        'add_metric',
        ('my_metrics/silence.py', 'my_configs/demo_silence.py'),
        (AVS_DATA, TEST.format(config='my_configs/demo_silence.py')),
        'silence/accuracy',
    ),
    'a benchmark': Recipe(
        'add_benchmark',
        ('my_benchmarks/lines.py',),
        (
            (
                'tools/analysis_tools/evaluate.py --custom-imports my_benchmarks.lines lines '
                '--gt gt_lines --pred pred_lines --eval-options tolerance=1'
            ),
        ),
        'accuracy',
        block='gt_lines',
    ),
    'a converter': Recipe(
        'add_converter',
        ('my_parts/converter.py',),
        (
            (
                'tools/model_converters/convert_checkpoint.py my_method official.pth converted.pth '
                '--custom-imports my_parts.converter'
            ),
        ),
        'aux_head.bias',
        block="'official.pth'",
    ),
}


@pytest.fixture(scope='module')
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder that each of the commands for data has written, run once."""
    folders = {}
    for index, command in enumerate((AVS_DATA, AVIS_DATA)):
        folders[command] = tmp_path_factory.mktemp(f'data{index}')
        tool, *arguments = command.split()
        run([str(ROOT / tool), *arguments], folders[command])
    return folders


@pytest.mark.slow
@pytest.mark.parametrize('name', RECIPES)
def test_recipe_works_in_an_empty_folder(name: str, tmp_path: Path, made: dict[str, Path]) -> None:
    recipe = RECIPES[name]
    page = read_page(DOCS / f'{recipe.page}.md')
    written = {block.options.get('caption'): block.body for block in page.blocks}
    for file in recipe.files:
        path = tmp_path / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(written[file])
    if recipe.block:
        (code,) = (b.body for b in page.blocks if b.language == 'python' and recipe.block in b.body)
        run(['-c', code], tmp_path)
    for command in recipe.commands:
        if command in made:
            shutil.copytree(made[command], tmp_path, dirs_exist_ok=True)
            continue
        tool, *arguments = command.split()
        printed = run([str(ROOT / tool), *arguments], tmp_path)
    assert recipe.printed in printed


def run(arguments: list[str], folder: Path) -> str:
    """Run Python in a folder outside the clone, which is on the path, as is the installed avis."""
    path = os.pathsep.join((str(folder), str(ROOT)))
    done = run_warm(arguments, folder, {**os.environ, 'PYTHONPATH': path})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
