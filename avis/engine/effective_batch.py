"""Effective batch of a run, compared with the one for which the config was made."""

from typing import NamedTuple


class EffectiveBatch(NamedTuple):
    """How many clips decide one step of the optimizer.

    Attributes:
        per_process: Clips per batch of one process.
        processes: Number of processes.
        accumulated: Batches whose gradients are accumulated, ``accumulative_counts``.

    >>> batch = EffectiveBatch(4, 2, 1)
    >>> batch.clips, str(batch)
    (8, '8 = 4 per process x 2 process(es) x 1 accumulated')
    """

    per_process: int
    processes: int
    accumulated: int

    @property
    def clips(self) -> int:
        """Number of clips."""
        return self.per_process * self.processes * self.accumulated

    def __str__(self) -> str:
        return (
            f'{self.clips} = {self.per_process} per process x {self.processes} process(es) x '
            f'{self.accumulated} accumulated'
        )

    def settings_for(self, clips: int) -> str:
        """Return the settings with which these processes, or fewer, have this effective batch.

        >>> EffectiveBatch(4, 2, 1).settings_for(4)
        'train_dataloader.batch_size=2'
        >>> EffectiveBatch(4, 3, 2).settings_for(4)
        '2 process(es) with train_dataloader.batch_size=1'
        """
        processes = max(n for n in range(1, self.processes + 1) if clips % n == 0)
        counts = self.accumulated if clips // processes % self.accumulated == 0 else 1
        settings = f'train_dataloader.batch_size={clips // processes // counts}'
        if counts != self.accumulated:
            settings += f' optim_wrapper.accumulative_counts={counts}'
        fewer = processes < self.processes
        return f'{processes} process(es) with {settings}' if fewer else settings


def batch_warning(batch: EffectiveBatch, base: int) -> str | None:
    """Return a warning, with the settings that correct it, if a batch is not ``base``.

    Args:
        batch: Effective batch of the run.
        base: ``auto_scale_lr.base_batch_size`` of the config.
    """
    if batch.clips == base:
        return None
    return (
        f'The effective batch is {batch.clips}, but learning rate and length of this config are '
        f'those of a batch of {base} (auto_scale_lr.base_batch_size), so scores will differ. For '
        f'{base}: {batch.settings_for(base)}; or scale the learning rate: --auto-scale-lr.'
    )
