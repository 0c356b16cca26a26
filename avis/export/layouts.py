"""The submission layouts of benchmarks: AVTrack's person folders, and results of YouTube-VIS.

They contain instances that make a sound: masks of silent frames and tracks that never make a sound
are left out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from avis.export.registry import register_export
from avis.export.submission import to_results, write_persons, write_results_json
from avis.structures.masks import RLE, blank_rle
from avis.structures.video_result import TrackResult, VideoResult


@register_export('avtrack')
def write_avtrack(
    folder: Path, result: VideoResult, frame_numbers: Sequence[int] | None = None
) -> Path:
    """Write ``person_<k>/frame_%04d.png`` into the folder of the video.

    The folder of all videos is a prediction for the benchmark ``avtrack``.

    Args:
        folder: The folder.
        result: The video.
        frame_numbers: Number of each frame for the file names; from 0 on if None.

    Returns:
        The folder of the video.
    """
    masks = [_sounding_masks(track) for track in _sounding_tracks(result)]
    write_persons(folder, masks, range(result.length) if frame_numbers is None else frame_numbers)
    return folder


@register_export('youtube_vis')
def _write_one(folder: Path, result: VideoResult) -> Path:
    """Write ``youtube_vis.json``, the results of one video, whose id is its name."""
    return write_youtube_vis(folder / 'youtube_vis.json', [result])


def write_youtube_vis(
    path: str | Path,
    results: Iterable[VideoResult],
    video_ids: Mapping[str, int | str] | None = None,
) -> Path:
    """Write videos, one after the other, as one results file of YouTube-VIS.

    It is a prediction for the benchmarks ``aviseg`` and ``youtube_vis``. Classes count from 1. A
    frame without a mask gets a blank mask, as the official models write it.

    Args:
        path: Path of the file.
        results: The videos.
        video_ids: Id of each video in the ground truth by its name; None for the names.

    Returns:
        Path of the file.

    Raises:
        ValueError: A video has no id.
    """
    write_results_json(Path(path), _entries(path, results, video_ids))
    return Path(path)


def _entries(
    path: str | Path, results: Iterable[VideoResult], video_ids: Mapping[str, int | str] | None
) -> Iterator[dict[str, Any]]:
    for result in results:
        if video_ids is not None and result.name not in video_ids:
            raise ValueError(
                f'{path}: expected the id of each video, got none of {result.name!r}; add it to '
                f'video_ids or leave the video out'
            )
        tracks = _sounding_tracks(result)
        yield from to_results(
            result.name if video_ids is None else video_ids[result.name],
            [_sounding_masks(track) for track in tracks],
            labels=[track.label for track in tracks],
            scores=[track.score for track in tracks],
            blank=blank_rle(result.height, result.width),
        )


def _sounding_tracks(result: VideoResult) -> list[TrackResult]:
    return [track for track in result.tracks if track.sounding.any()]


def _sounding_masks(track: TrackResult) -> list[RLE | None]:
    pairs = zip(track.masks.rles, track.sounding.tolist(), strict=True)
    return [rle if sounds else None for rle, sounds in pairs]
