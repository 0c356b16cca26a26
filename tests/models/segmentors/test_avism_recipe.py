"""Training of AVISM as recorded from the official code: see ``tests/recipes``."""

from pathlib import Path

import pytest

from tests.recipes.avism_training import compare

FOLDER = Path(__file__).parents[2] / 'data' / 'recipes' / 'avism'


@pytest.mark.slow
def test_targets_losses_gradients_and_initialization_are_those_recorded() -> None:
    entries = list(compare(FOLDER))
    files = {entry.name.split(':')[0] for entry in entries}
    assert files == {'presence.json', 'init_r50.npz', 'avism_r50_recipes/golden.npz'}
    assert not [entry for entry in entries if not entry.ok]
