"""Killed tools that are started again write what undisturbed ones do, and faults are seen."""

from pathlib import Path

import pytest
import torch

from tests.kills.__main__ import kill_tool
from tests.kills.comparison import differences
from tests.kills.tools import TOOLS


@pytest.mark.parametrize('name', ['data labels', 'evaluate'])
def test_killed_tool_ends_with_the_files_of_an_undisturbed_one(name: str, tmp_path: Path) -> None:
    result = kill_tool(TOOLS[name], tmp_path, kills=2, seed=1, kinds=('operation',))
    assert result.faults == []
    assert result.kills == {'operation': 2, 'seconds': 0}
    assert result.comparisons >= 1


def write_run(folder: Path, weight: float) -> Path:
    folder.mkdir()
    content = {'state_dict': {'w': torch.tensor([weight])}, 'optimizer': {'state': {}}}
    torch.save({**content, 'meta': {'time': folder.name}}, folder / 'epoch_1.pth')
    (folder / 'log').write_text(folder.name)
    (folder / 'page').write_text('the same')
    return folder


def test_only_what_differs_is_reported(tmp_path: Path) -> None:
    first, same, other = (
        write_run(tmp_path / name, weight) for name, weight in (('a', 1), ('b', 1), ('c', 2))
    )
    assert differences(first, same, ['log']) == []
    assert differences(first, same, []) == ['different: log']
    (other / 'page.7.part').touch()
    (other / 'page').unlink()
    assert differences(first, other, ['log']) == [
        'missing: page',
        'left over: page.7.part',
        'different: epoch_1.pth',
    ]
