"""The table at the end of a run: who sounds how long in which video, and where the files are."""

from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from avis.structures.video_result import TrackResult, VideoResult


@dataclass
class InferenceSummary:
    """Collects a row per track, and the warnings of each video."""

    rows: list[tuple[str, str, float, float]] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)
    folders: dict[str, Path] = field(default_factory=dict)

    def add(self, result: VideoResult, folder: Path | None) -> None:
        """Add the tracks of a video.

        Args:
            result: What was found.
            folder: Where its files are; None if nothing was written.
        """
        if folder is not None:
            self.folders[result.name] = folder
        for track in result.tracks:
            self.rows.append((result.name, track.name, *_seconds(track, result.fps)))
        if not result.tracks:
            self.rows.append((result.name, 'nobody and nothing', 0.0, 0.0))
        self.warnings += [(result.name, warning) for warning in result.warnings]

    def to_table(self) -> Table:
        """Return the rows as a table."""
        table = Table('video', 'who or what', 'sounds (s)', 'visible (s)')
        table.columns[2].justify = table.columns[3].justify = 'right'
        before = None
        for video, name, sounding, visible in self.rows:
            shown = '' if video == before else video
            table.add_row(shown, name, f'{sounding:.1f}', f'{visible:.1f}')
            before = video
        return table

    def print(self, console: Console) -> None:
        """Print the table, the warnings in words, and where the files are.

        Args:
            console: Where to print.
        """
        if self.rows:
            console.print(self.to_table())
        for video, warning in self.warnings:
            console.print(f'{video}: {warning}', markup=False, highlight=False, soft_wrap=True)
        if self.folders:
            folder = next(iter(self.folders.values()))
            files = ', '.join(sorted(path.name for path in folder.iterdir()))
            others = len(self.folders) - 1
            noun = 'folder' if others == 1 else 'folders'
            more = f'; {others} more {noun} in {folder.parent}' if others else ''
            console.print(f'{folder}: {files}{more}', markup=False, highlight=False, soft_wrap=True)


def _seconds(track: TrackResult, fps: float) -> tuple[float, float]:
    """Seconds in which a track sounds and is visible."""
    return float(track.sounding.sum() / fps), float(track.visible.sum() / fps)
