"""How long the stages of AVTracker took."""

import json
from pathlib import Path

from avis.avtracker.profiling import stage_table


def stage_times(record_dir: str | Path) -> str:
    """Seconds per minute of video and peak memory of each stage, as a table.

    Args:
        record_dir: Folder with the records of ``AVTracker``, or with the results of videos that
            contain one each.

    Raises:
        FileNotFoundError: The folder contains no records.
    """
    paths = sorted(Path(record_dir).glob('*.json')) or sorted(
        Path(record_dir).glob('*/avtracker.json')
    )
    if not paths:
        raise FileNotFoundError(
            f'{record_dir} contains no records; run AVTracker with record_dir={str(record_dir)!r}'
        )
    return stage_table([json.loads(path.read_text(encoding='utf-8')) for path in paths])
