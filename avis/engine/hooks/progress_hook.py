"""Progress and summary of a run: bars and a table on a terminal, else plain log lines."""

import atexit
import logging
import sys
import time
from collections.abc import Mapping
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from avis.registry import HOOKS

SummaryRows = list[tuple[str, str]]


@HOOKS.register_module()
class ProgressHook(Hook):
    """Show progress bars on a terminal, and end every run with a summary."""

    # After the checkpoint hook (VERY_LOW): the summary names the best checkpoint.
    priority = 'LOWEST'

    def __init__(self) -> None:
        self.bars: _ProgressBars | None = None
        self.start = time.time()

    def before_train(self, runner: Runner) -> None:
        """Start the bar of the training, at the iteration at which the run resumed."""
        self.start = time.time()
        self._open(runner)
        self._show('train', runner.iter, runner.max_iters)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Update the bar of the training."""
        if self.bars is not None:
            loss = runner.message_hub.get_scalar('train/loss').current() if outputs else 0.0
            text = f'epoch {runner.epoch + 1}/{runner.max_epochs}  loss {loss:.4f}'
            self._show('train', runner.iter + 1, runner.max_iters, text)

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Update the bar of the validation."""
        self._show('val', batch_idx + 1, len(runner.val_dataloader), _window_position(data_batch))

    def after_val_epoch(self, runner: Runner, metrics: Mapping[str, Any] | None = None) -> None:
        """Hide the bar of the validation until the next one."""
        if self.bars is not None:
            self.bars.hide('val')

    def after_train(self, runner: Runner) -> None:
        """Close the bars and show the summary of the training."""
        self._close()
        hub = runner.message_hub
        rows = [
            ('epochs', f'{runner.epoch} of {runner.max_epochs}'),
            ('iterations', f'{runner.iter} of {runner.max_iters}'),
            ('time', f'{time.time() - self.start:.0f} s since the start or resumption'),
        ]
        rows += [
            (key.removeprefix('train/'), f'{buffer.current():.4f}')
            for key, buffer in hub.log_scalars.items()
            if key.startswith('train/') and 'loss' in key
        ]
        rows += [
            (name.replace('_', ' '), str(hub.get_info(name)))
            for name in ('best_score', 'best_ckpt', 'last_ckpt')
            if name in hub.runtime_info
        ]
        self._summarize(runner, 'Training', [*rows, ('logs', runner.log_dir)])

    def before_test(self, runner: Runner) -> None:
        """Start the bar of the test."""
        self._open(runner)
        self._show('test', 0, len(runner.test_dataloader))

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Update the bar of the test."""
        self._show('test', batch_idx + 1, len(runner.test_dataloader), _window_position(data_batch))

    def after_test_epoch(self, runner: Runner, metrics: Mapping[str, Any] | None = None) -> None:
        """Close the bar and show the metrics."""
        self._close()
        rows = [
            (key, f'{value:.4f}' if isinstance(value, float) else str(value))
            for key, value in (metrics or {}).items()
        ]
        self._summarize(runner, 'Test', [*rows, ('logs', runner.log_dir)])

    def _open(self, runner: Runner) -> None:
        if is_main_process() and Console().is_terminal:
            self.bars = _ProgressBars(runner.logger)

    def _show(self, name: str, done: int, total: int, text: str = '') -> None:
        if self.bars is not None:
            self.bars.show(name, done, total, text)

    def _close(self) -> None:
        if self.bars is not None:
            self.bars.close()
            self.bars = None

    @staticmethod
    def _summarize(runner: Runner, title: str, rows: SummaryRows) -> None:
        """Write plain lines into the log; a terminal shows a table instead."""
        if not is_main_process():
            return
        lines = '\n'.join(f'  {name}: {value}' for name, value in rows)
        record = logging.LogRecord(
            runner.logger.name, logging.INFO, __file__, 0, f'{title} summary\n{lines}', None, None
        )
        terminal = Console().is_terminal
        for handler in runner.logger.handlers:
            if isinstance(handler, logging.FileHandler) or not terminal:
                handler.handle(record)
        if terminal:
            table = Table('', '', title=title, show_header=False)
            for row in rows:
                table.add_row(*row)
            Console().print(table)


def _window_position(data_batch: Any) -> str:
    """Video and frame of a loop over windows; empty for other loops."""
    samples = data_batch.get('data_samples') if isinstance(data_batch, dict) else None
    if not samples or 'window' not in samples[0]:
        return ''
    window = samples[0].window
    return f'{samples[0].video_name}  frame {window.stop}/{window.length}'


class _ProgressBars:
    """Live progress bars with the lines of a logger above them."""

    def __init__(self, logger: logging.Logger) -> None:
        self.progress = Progress(
            TextColumn('{task.description:>5}'),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn('{task.fields[text]}'),
            console=Console(),  # rich's shared one remembers the terminal of its first use
        )
        self.tasks: dict[str, Any] = {}
        self.handlers = [
            handler
            for handler in logger.handlers
            if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stdout
        ]
        self.stdout = sys.stdout
        atexit.register(self.close)  # show the cursor again after an error
        self.progress.start()  # replaces sys.stdout by one that prints above the bars
        for handler in self.handlers:
            handler.setStream(sys.stdout)

    def show(self, name: str, done: int, total: int, text: str) -> None:
        """Update one bar; its first use creates it."""
        if name not in self.tasks:
            self.tasks[name] = self.progress.add_task(name, total=total, text=text)
        self.progress.update(self.tasks[name], completed=done, total=total, text=text, visible=True)

    def hide(self, name: str) -> None:
        """Hide a bar until it is shown again."""
        if name in self.tasks:
            self.progress.refresh()  # draw its last state: bars are drawn a few times per second
            self.progress.update(self.tasks[name], visible=False)

    def close(self) -> None:
        """Stop the bars and restore the stream of the logger."""
        atexit.unregister(self.close)
        self.progress.stop()
        for handler in self.handlers:
            handler.setStream(self.stdout)
