"""Scores of one face track: for tracking, and as the official demo computes them."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avis.models.audio_encoders.log_mel import SAMPLE_RATE
from avis.models.audio_encoders.mfcc import ROWS_PER_FRAME, align_rows, mfcc
from avis.models.speaker_detectors.active_speaker_detector import ActiveSpeakerDetector
from avis.structures.media import Waveform

_FRAMES_PER_PART = 25  # whose maps fit the cache of a processor
_DEMO_FPS = 25
_DEMO_SECONDS = (1, 2, 3, 4, 5, 6)
_SMOOTHED = 2  # frames to each side


@torch.no_grad()
def score_track(
    model: ActiveSpeakerDetector, faces: NDArray[np.uint8], audio: Waveform, *, fps: float
) -> NDArray[np.float32]:
    """Score every frame of a face track.

    The whole track counts, whatever its length; memory grows by a few kB per frame.

    Args:
        model: The model, in evaluation mode.
        faces: Gray face crops, uint8 (T, 112, 112).
        audio: Audio that starts with the first frame; silence follows if it is shorter.
        fps: Frames per second; the models were trained on 25.

    Returns:
        float32 (T,), log-odds of audible speech: above 0 it is more probable than not.

    Raises:
        ValueError: Faces of another type or shape, or audio of another sample rate.
    """
    if faces.dtype != np.uint8 or faces.ndim != 3 or not len(faces):
        raise ValueError(
            f'score_track: expected gray faces uint8 (T, H, W), got {faces.dtype} {faces.shape}'
        )
    if audio.sample_rate != SAMPLE_RATE:
        raise ValueError(
            f'score_track: expected audio at {SAMPLE_RATE} Hz, got {audio.sample_rate} Hz; '
            f'resample it'
        )
    device = next(model.parameters()).device
    length = len(faces)
    # A row more than the frames have, so that the last rows are not repeated from the start.
    needed = int((length / fps + 0.025 * _DEMO_FPS / fps) * SAMPLE_RATE)
    samples = torch.zeros(max(needed, 1), device=device)
    known = torch.from_numpy(np.ascontiguousarray(audio.samples[:needed], np.float32))
    samples[: len(known)] = known.to(device)
    rows = align_rows(mfcc(samples, fps=fps), length)[None]
    network = model.network
    parts = torch.from_numpy(faces).split(_FRAMES_PER_PART)
    visual = network.visual_encoder.stream(part.to(device).float() for part in parts)
    features = network.fuse(network.audio_encoder(rows, num_frames=length), visual)
    logits = model.head(features)[0].float()
    scores: NDArray[np.float32] = (logits[:, 1] - logits[:, 0]).cpu().numpy()
    return scores


@dataclass(frozen=True)
class DemoScores:
    """Scores of the official demo: logits of class 1, not probabilities.

    Attributes:
        per_duration: (6, T), of chunks of 1 to 6 seconds.
        mean: (T,), their mean.
        rounded: (T,), rounded to 0.1.
    """

    per_duration: NDArray[np.float32]
    mean: NDArray[np.float32]
    rounded: NDArray[np.float32]


@torch.no_grad()
def demo_scores(model: ActiveSpeakerDetector, faces: Tensor, rows: Tensor) -> DemoScores:
    """Score a track at 25 frames per second as the official demo does.

    Args:
        model: The model, in evaluation mode.
        faces: Gray face crops, float (T, 112, 112), 0 to 255.
        rows: MFCCs (R, 13); a number of rows that is not a multiple of 4 is cut.

    Returns:
        The scores of the first ``R // 4`` frames.

    Raises:
        ValueError: There are rows for more frames than there are; the official code stops, too.
    """
    length = len(rows) // ROWS_PER_FRAME
    if length > len(faces):
        raise ValueError(
            f'demo_scores: expected at most {ROWS_PER_FRAME * len(faces)} rows of audio for '
            f'{len(faces)} frames, got {len(rows)}; cut the audio'
        )
    per_duration = np.stack(
        [_score_chunks(model, faces[:length], rows, seconds) for seconds in _DEMO_SECONDS]
    )
    mean = per_duration.mean(0)
    return DemoScores(per_duration, mean, np.round(mean, 1))


def _score_chunks(
    model: ActiveSpeakerDetector, faces: Tensor, rows: Tensor, seconds: int
) -> NDArray[np.float32]:
    """Logits of class 1 (T,) of chunks that are scored alone."""
    size = seconds * _DEMO_FPS
    logits = []
    for start in range(0, len(faces), size):
        part = faces[start : start + size]
        audio = rows[ROWS_PER_FRAME * start :][: ROWS_PER_FRAME * len(part)]
        outputs = model.compute_outputs({'faces': part[None], 'audio': audio[None]})
        logits.append(outputs['logits'][0, :, 1].cpu())
    scores: NDArray[np.float32] = torch.cat(logits).float().numpy()
    return scores


def smooth_demo_scores(scores: NDArray[np.floating], num_frames: int) -> NDArray[np.float64]:
    """Average over 5 frames as the official demo does when it draws, defects included.

    The last score is never used, and a frame more than two behind it is NaN.

    Args:
        scores: S scores.
        num_frames: T, number of frames of the track.

    Returns:
        float64 (T,).
    """
    parts = (
        scores[max(index - _SMOOTHED, 0) : min(index + _SMOOTHED + 1, len(scores) - 1)]
        for index in range(num_frames)
    )
    return np.array([np.mean(part) if len(part) else np.nan for part in parts])
