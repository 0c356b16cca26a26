"""Tools set the environment before PyTorch is imported."""

import os

import pytest

from avis.utils.cli import run


@pytest.mark.parametrize(('before', 'after'), [({}, 'PASSIVE'), ({'OMP_WAIT_POLICY': 'A'}, 'A')])
def test_threads_sleep_while_they_wait(before, after, monkeypatch) -> None:
    monkeypatch.setattr(os, 'environ', dict(before))
    seen = []
    run(lambda: seen.append(os.environ['OMP_WAIT_POLICY']))
    assert seen == [after]
