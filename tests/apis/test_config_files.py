"""Configs of avis are listed and inherited from any folder."""

from pathlib import Path

import pytest

from avis.apis import list_configs, load_config
from avis.apis.config_files import config_files
from avis.utils.compat import config_bases
from tests.helpers.subprocess_python import ROOT
from tests.helpers.warm_python import run_warm

LEAF = """
from mmengine.config import read_base

with read_base():
    from avis.configs._base_.models.tpavi_small import *
    from avis.configs.avs.demo_tpavi_synthetic_muted import *

train_cfg.max_epochs = 2
"""


@pytest.fixture
def leaf(tmp_path: Path) -> Path:
    path = tmp_path / 'mine.py'
    path.write_text(LEAF)
    return path


def test_config_in_another_folder_inherits_from_avis(leaf: Path) -> None:
    config = load_config(leaf)
    assert config.train_cfg.max_epochs == 2
    assert config.model.fusion.channels == 64
    bases = ROOT / 'configs'
    assert {bases / 'avs/demo_tpavi_synthetic_muted.py'} < set(config_files(leaf))


def test_config_in_another_folder_is_printed_by_the_tool(leaf: Path) -> None:
    done = run_warm([ROOT / 'tools/misc/print_config.py', leaf.name], leaf.parent)
    assert done.returncode == 0, done.stderr
    assert 'max_epochs=2' in done.stdout


def test_configs_of_a_wheel_are_found(leaf: Path, tmp_path: Path, monkeypatch) -> None:
    package = tmp_path / 'site-packages' / 'avis'
    (package / '.mim').mkdir(parents=True)
    (package / '.mim' / 'configs').symlink_to(ROOT / 'configs')
    monkeypatch.setattr(config_bases, '__file__', str(package / 'utils/compat/config_bases.py'))
    assert config_bases.configs_root() == package / '.mim'
    assert load_config(leaf).train_cfg.max_epochs == 2
    assert package / '.mim/configs/avs/demo_tpavi_synthetic.py' in list_configs()


def test_listed_configs_are_those_that_can_be_run() -> None:
    names = {str(path.relative_to(ROOT / 'configs')) for path in list_configs()}
    assert {'avis/demo_avism_synthetic.py', 'avs/tpavi/tpavi_r50_s4.py'} <= names
    assert not [name for name in names if '_base_' in name]


def test_missing_package_of_a_base_is_named(tmp_path: Path) -> None:
    path = tmp_path / 'mine.py'
    path.write_text(LEAF.replace('avis.configs', 'no_such_package.configs'))
    with pytest.raises(ValueError, match=r"mine\.py:\d+: .*'no_such_package' is installed"):
        load_config(path)


def test_more_dots_than_folders_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / 'a.py'
    path.write_text(f'with read_base():\n    from {"." * 99}b import *\n')
    with pytest.raises(ValueError, match=r'a\.py:2: 99 dots lead out of the file system'):
        list(config_files(path))
