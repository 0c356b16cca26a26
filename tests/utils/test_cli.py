"""Tools set the environment before PyTorch is imported."""

import os

import pytest

from avis.utils.cli import run

KEPT = [{'GOMP_SPINCOUNT': '5'}, {'OMP_WAIT_POLICY': 'ACTIVE'}]


def environment_in_tool(monkeypatch, before: dict[str, str]) -> dict[str, str]:
    monkeypatch.setattr(os, 'environ', dict(before))
    seen: dict[str, str] = {}
    run(lambda: seen.update(os.environ))
    return seen


def test_threads_do_not_spin_for_long(monkeypatch) -> None:
    assert environment_in_tool(monkeypatch, {}) == {'GOMP_SPINCOUNT': '10000'}


@pytest.mark.parametrize('before', KEPT)
def test_environment_of_the_user_is_kept(before, monkeypatch) -> None:
    assert environment_in_tool(monkeypatch, before) == before
