"""Seconds and peak memory of each stage."""

import contextlib
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STAGES = ('speech', 'vision', 'local', 'global')


@dataclass
class StageProfiler:
    """Measures stages, and marks those that were read from disk.

    Attributes:
        stages: Per stage ``seconds``, ``cached``, ``host_mib`` and, with a GPU, ``gpu_mib``.
    """

    stages: dict[str, dict[str, Any]] = field(default_factory=dict)

    @contextlib.contextmanager
    def measure(self, stage: str) -> Iterator[dict[str, Any]]:
        """Measure the body; ``cached`` may be set inside."""
        entry = self.stages[stage] = {'seconds': 0.0, 'cached': False}
        _reset_peaks()
        start = time.perf_counter()
        try:
            yield entry
        finally:
            entry['seconds'] = round(time.perf_counter() - start, 3)
            entry.update(_peaks())


def stage_table(records: Sequence[dict[str, Any]]) -> str:
    """Seconds per minute of video and highest peak memory by stage, over the records of videos.

    Stages read from disk are not counted.
    """
    rows = [f'{"stage":8} {"videos":>6} {"s/min":>9} {"peak MiB":>9} {"GPU MiB":>9}']
    for stage in STAGES:
        done = [
            (record['seconds'], record['stages'][stage])
            for record in records
            if stage in record.get('stages', {}) and not record['stages'][stage]['cached']
        ]
        minutes = sum(seconds for seconds, _ in done) / 60
        spent = sum(entry['seconds'] for _, entry in done)
        host = max((entry.get('host_mib', 0) for _, entry in done), default=0)
        gpu = max((entry.get('gpu_mib', 0) for _, entry in done), default=0)
        rate = f'{spent / minutes:9.2f}' if minutes else f'{"-":>9}'
        rows.append(f'{stage:8} {len(done):6d} {rate} {host:9.0f} {gpu:9.0f}')
    return '\n'.join(rows)


def _reset_peaks() -> None:
    with contextlib.suppress(OSError):  # Linux only; elsewhere the peak is that of the process
        Path('/proc/self/clear_refs').write_text('5')
    if 'torch' in sys.modules and sys.modules['torch'].cuda.is_available():
        sys.modules['torch'].cuda.reset_peak_memory_stats()


def _peaks() -> dict[str, float]:
    peaks = {'host_mib': round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)}
    with contextlib.suppress(OSError, ValueError, IndexError):
        status = Path('/proc/self/status').read_text()
        peaks['host_mib'] = round(int(status.split('VmHWM:')[1].split()[0]) / 1024, 1)
    if 'torch' in sys.modules and sys.modules['torch'].cuda.is_available():
        memory = sys.modules['torch'].cuda.max_memory_allocated()
        peaks['gpu_mib'] = round(memory / 2**20, 1)
    return peaks
