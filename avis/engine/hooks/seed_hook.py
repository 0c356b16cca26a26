"""Random numbers in training depend on seed, iteration and process alone."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner, set_random_seed

from avis.engine.randomness import derive_seed
from avis.registry import HOOKS


@HOOKS.register_module()
class SeedHook(Hook):
    """Seed Python, NumPy and torch from (run seed, iteration, rank) before every iteration.

    A resumed run then draws the same numbers as an uninterrupted one, also in loops without epochs,
    and the processes draw different dropout masks.
    """

    priority = 'HIGHEST'

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed before the data loader draws the base seed of its workers."""
        self._seed(runner)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Seed before the forward pass."""
        self._seed(runner)

    @staticmethod
    def _seed(runner: Runner) -> None:
        set_random_seed(derive_seed(runner.seed, runner.iter, runner.rank))
