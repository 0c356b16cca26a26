"""Write the result files of one video."""

from collections.abc import Sequence
from pathlib import Path

# Each module registers its formats.
from avis.export import cut_list, layouts, results, subtitles, tables  # noqa: F401
from avis.export.registry import WRITERS
from avis.structures.video_result import VideoResult

DEFAULT_FORMATS = ('speakers', 'rttm', 'srt', 'vtt', 'boxes', 'mot', 'results')
"""What :func:`write_exports` writes unless told otherwise."""


def export_formats() -> tuple[str, ...]:
    """Names of the registered formats, those of avis first."""
    return tuple(WRITERS)


def check_formats(formats: Sequence[str]) -> None:
    """Check the names of formats, before the work whose results they show.

    Raises:
        ValueError: A format is not registered; the message lists those that are.
    """
    for name in formats:
        if name not in WRITERS:
            raise ValueError(
                f'export format must be one of {", ".join(export_formats())}, got {name!r}; import '
                f'the module that registers your own format first'
            )


def write_exports(
    folder: str | Path, result: VideoResult, formats: Sequence[str] = DEFAULT_FORMATS
) -> dict[str, Path]:
    """Write the result files of one video, each atomically.

    ``results.json`` is written last: if it exists, the other files are complete.

    Args:
        folder: Folder of the video; it is created.
        result: What was found in the video.
        formats: Names of registered formats, see :func:`~avis.export.registry.register_export`.

    Returns:
        Path of each file or folder by format, in the order of writing.

    Raises:
        OSError: A file cannot be written.
        ValueError: A format is not registered.
    """
    check_formats(formats)
    Path(folder).mkdir(parents=True, exist_ok=True)
    ordered = sorted(dict.fromkeys(formats), key=lambda name: name == 'results')
    return {name: WRITERS[name](Path(folder), result) for name in ordered}
