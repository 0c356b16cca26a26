"""``avis data stats`` prints, stores and draws, and finds what splits share."""

import json
import shutil
from pathlib import Path

import pytest

from avis.cli.main import main
from avis.synthetic.generator import make_dataset
from avis.utils.tables import read_rows

CONFIG = """from avis.datasets import AVSBenchSemantic
from avis.datasets.transforms import LoadFrames, LoadLabelMaps
pipeline = [dict(type=LoadFrames), dict(type=LoadLabelMaps, encoding='voc_colors', num_classes=71)]
common = dict(type=AVSBenchSemantic, data_root={root!r}, pipeline=pipeline)
train_dataloader = dict(dataset=dict(**common, split='train'))
test_dataloader = dict(dataset=dict(**common, split='test'))
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """AVSS with three training clips, two test clips, and a copy of a training clip for testing."""
    options = {'videos': 5, 'splits': (3, 0, 2), 'size': (64, 96)}
    root = make_dataset(layout='avss', out=tmp_path / 'avss', **options).root
    rows = read_rows(root / 'metadata.csv')
    vid, uid, *rest, split, subset = rows[2]
    assert split == 'train'
    copied = ['copy', 'copy_of_it', *rest, 'test', subset]
    shutil.copytree(root / subset / uid, root / subset / 'copy_of_it')
    same_video = [vid, f'{vid}_77000_82000', *rest, 'test', subset]
    shutil.copytree(root / rows[5][-1] / rows[5][1], root / subset / same_video[1])
    lines = [','.join(row) for row in [*rows[:5], copied, same_video]]
    (root / 'metadata.csv').write_text('\n'.join(lines) + '\n')
    path = tmp_path / 'stats.py'
    path.write_text(CONFIG.format(root=str(root)))
    return path


def test_statistics_and_duplicates_are_written(config: Path, tmp_path: Path, capsys) -> None:
    out = ['--json', str(tmp_path / 'stats.json'), '--plots', str(tmp_path / 'plots')]
    assert main(['data', 'stats', str(config), '--duplicates', *out]) == 1
    text = capsys.readouterr().out
    assert 'videos' in text
    content = json.loads((tmp_path / 'stats.json').read_text())
    assert content['splits']['train']['videos'] == 3
    uid = read_rows(tmp_path / 'avss' / 'metadata.csv')[2][1]
    found = {(each['kind'], each['video'], each['other_video']) for each in content['duplicates']}
    same_video = uid.rsplit('_', 2)[0] + '_77000_82000'
    assert found == {
        ('frames', uid, 'copy_of_it'),
        ('audio', uid, 'copy_of_it'),
        ('name', uid, same_video),
    }
    assert f'audio: train {uid} and test copy_of_it' in text
    plots = {path.name for path in (tmp_path / 'plots').iterdir()}
    assert {'lengths.png', 'areas.png', 'sources.png', 'classes.png', 'subset.png'} == plots


def test_splits_without_common_videos_have_no_duplicates(config: Path, capsys) -> None:
    assert main(['data', 'stats', str(config), '--split', 'train']) == 0
    assert 'duplicates' not in capsys.readouterr().out


def test_missing_split_is_named(config: Path) -> None:
    with pytest.raises(ValueError, match='the config has no val_dataloader'):
        main(['data', 'stats', str(config), '--split', 'val'])
