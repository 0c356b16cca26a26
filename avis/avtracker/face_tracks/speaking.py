"""From scores of a face to the frames in which it speaks."""

import logging

import numpy as np
from mmengine.logging import print_log
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from avis.avtracker.face_tracks.crops import FPS
from avis.avtracker.face_tracks.face_track import FaceTrack
from avis.avtracker.face_tracks.speaker_scores import TrackScores
from avis.structures.intervals import true_intervals
from avis.structures.media import FrameSource

MIN_SOURCE_FPS = 8.0
"""Frames per second below which lips cannot be followed."""

_SMOOTHED_TICKS = 5  # 0.2 s, as in the published demos
_WEAK_LOG_ODDS = -1.0  # a probability of 0.27
_SHORT_SECONDS = 0.2  # speech and pauses that are shorter do not count


def check_frame_rate(frames: FrameSource) -> str | None:
    """Why the faces of a video cannot be scored, None if they can; few frames are logged."""
    fps = frames.fps
    if fps < MIN_SOURCE_FPS:
        return (
            f'{frames.name}: expected at least {MIN_SOURCE_FPS:g} frames per second, got {fps:g}: '
            f'lips cannot be followed; read more frames of the video'
        )
    if fps < FPS - 1:
        print_log(
            f'{frames.name} has {fps:g} frames per second: speakers are found more reliably in '
            f'videos with {FPS:g}',
            logger='current',
            level=logging.WARNING,
        )
    return None


def smooth_scores(
    track: FaceTrack, scores: TrackScores, fps: float, *, visual: bool = False
) -> NDArray[np.float64]:
    """Log odds of audible speech in each frame of a track, smoothed over 0.2 s, (F,).

    Args:
        track: The track.
        scores: Its scores at 25 per second.
        fps: Frames per second of the video.
        visual: Return the log odds by the face alone, without the audio.
    """
    log_odds = scores.visual_log_odds if visual else scores.log_odds
    if not len(log_odds):
        return np.full(len(track.boxes), -np.inf)
    smooth = uniform_filter1d(log_odds.astype(np.float64), _SMOOTHED_TICKS)
    frames = np.arange(track.first, track.stop)
    ticks = np.round(frames / fps * FPS).astype(int) - scores.first
    values: NDArray[np.float64] = smooth[ticks.clip(0, len(smooth) - 1)]
    return values


def speaking_runs(log_odds: NDArray[np.float64], fps: float) -> list[tuple[int, int]]:
    """First frame and frame after the last one of each run in which a face speaks.

    A face speaks where the log odds are above 0, and beside these frames where they are above -1:
    two thresholds, because scores waver during speech. Pauses and runs of less than 0.2 s do not
    count.

    Args:
        log_odds: Per frame, NaN where unknown.
        fps: Frames per second of the video.

    >>> speaking_runs(np.array([-0.5, 1, -2, 1, 1, -2, -2, -0.5, -0.5]), 10)
    [(0, 5)]
    """
    known = np.nan_to_num(log_odds, nan=-np.inf)
    above = known > _WEAK_LOG_ODDS
    for start, stop in true_intervals(above):
        above[start:stop] = (known[start:stop] > 0).any()
    short = _SHORT_SECONDS * fps
    for start, stop in true_intervals(~above):
        if stop - start < short and start > 0 and stop < len(above):
            above[start:stop] = True
    return [(start, stop) for start, stop in true_intervals(above) if stop - start >= short]
