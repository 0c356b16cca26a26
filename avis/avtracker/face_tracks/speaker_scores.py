"""Scores of face tracks: when each face of a video speaks audibly."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from avis.avtracker.asr.speech_stage import resample
from avis.avtracker.face_tracks.crops import FPS, face_crops, ticks_of
from avis.avtracker.face_tracks.face_track import FaceTrack
from avis.avtracker.loading import build_part, loading_weights, pick_device
from avis.models.audio_encoders.log_mel import SAMPLE_RATE
from avis.models.audio_encoders.mfcc import align_rows, mfcc
from avis.models.layers.factorized_conv import Memory
from avis.models.speaker_detectors.active_speaker_detector import ActiveSpeakerDetector
from avis.registry import MODELS
from avis.structures.media import FrameSource, Waveform
from avis.utils.checkpoint import load_weights

_CHUNK = 25  # ticks that are encoded at once: their maps fit the cache of a processor
_PIECE = 1500  # ticks that are scored at once: a minute
_MARGIN = 50  # ticks of context on each side of a piece


@dataclass(frozen=True)
class TrackScores:
    """Scores of one track at 25 per second.

    Args:
        first: Index of the first tick: tick k is at k / 25 seconds.
        frames: Frame of each tick, (T,).
        log_odds: Log odds of audible speech, (T,).
        visual_log_odds: The same by the face alone, without the audio, (T,).
    """

    first: int
    frames: NDArray[np.int64]
    log_odds: NDArray[np.float32]
    visual_log_odds: NDArray[np.float32]


@MODELS.register_module()
class ActiveSpeakerScorer:
    """Scores face tracks with a trained model of active speaker detection.

    Faces are encoded while the video is read, so that only the crops of a second are in memory.

    Args:
        model: The model, an ``ActiveSpeakerDetector``, as config or built.
        weights: Path of its checkpoint; None keeps the weights of a built model.
        device: Device; None for the GPU if there is one.
    """

    not_in_cache_key = ('device',)

    def __init__(
        self,
        *,
        model: ActiveSpeakerDetector | dict[str, Any],
        weights: str | None = None,
        device: str | None = None,
    ) -> None:
        self.model, self.weights, self.device = model, weights, device

    @torch.inference_mode()
    def score(
        self, frames: FrameSource, audio: Waveform, tracks: Sequence[FaceTrack]
    ) -> list[TrackScores]:
        """Score all tracks of a video, which is read once and in order.

        Args:
            frames: The frames.
            audio: The audio of the whole video at any sample rate; silence follows if it is
                shorter.
            tracks: The tracks.

        Returns:
            One per track.
        """
        if not tracks:
            return []
        network = self._network
        audio = resample(audio, SAMPLE_RATE)
        scores: list[TrackScores | None] = [None] * len(tracks)
        ticks = [ticks_of(track, frames.fps) for track in tracks]
        encoders: dict[int, _TrackEncoder] = {}
        for index, count, crop in face_crops(frames, tracks):
            encoder = encoders.setdefault(index, _TrackEncoder(network))
            encoder.add(crop, count)
            if encoder.length == len(ticks[index].frames):
                embeddings = encoders.pop(index).finish()
                tick = ticks[index]
                scores[index] = TrackScores(
                    tick.first,
                    tick.frames,
                    _score_embeddings(network, embeddings, audio, tick.first),
                    _log_odds(network.visual_head(embeddings)),
                )
        empty = np.zeros(0, np.float32)
        return [
            TrackScores(tick.first, tick.frames, empty, empty) if score is None else score
            for tick, score in zip(ticks, scores, strict=True)
        ]

    def content_key(self, name: str) -> str:
        """State of the file of the weights, on which the scores of every video depend."""
        path = None if self.weights is None else Path(self.weights)
        if path is None or not path.is_file():
            return 'no weights'
        status = path.stat()
        return f'{status.st_size} {status.st_mtime_ns}'

    @cached_property
    def _network(self) -> ActiveSpeakerDetector:
        model: ActiveSpeakerDetector = build_part(
            self.model, method='compute_outputs', where='ActiveSpeakerScorer: model'
        )
        if self.weights is not None:
            with loading_weights(self.weights, by='ActiveSpeakerScorer'):
                load_weights(model, self.weights)
        model.to(pick_device(self.device)).eval()
        return model


class _TrackEncoder:
    """Encodes the crops of one track chunk by chunk, with the result of the whole track."""

    def __init__(self, model: ActiveSpeakerDetector) -> None:
        self.length = 0
        self._encoder = model.network.visual_encoder
        self._device = next(model.parameters()).device
        self._crops: list[NDArray[np.uint8]] = []
        self._memory: Memory = {}
        self._embeddings: list[torch.Tensor] = []

    def add(self, crop: NDArray[np.uint8], count: int) -> None:
        """Add a crop that ``count`` ticks show."""
        self._crops += [crop] * count
        self.length += count
        while len(self._crops) > _CHUNK:  # the last chunk is not empty
            self._encode(_CHUNK, last=False)

    def finish(self) -> torch.Tensor:
        """Embeddings of all ticks (T, C)."""
        self._encode(len(self._crops), last=True)
        return torch.cat(self._embeddings)

    def _encode(self, count: int, *, last: bool) -> None:
        """Encode the next crops."""
        faces = torch.from_numpy(np.stack(self._crops[:count])).to(self._device).float()
        self._embeddings.append(self._encoder.encode_next(faces, self._memory, last=last))
        del self._crops[:count]


def _score_embeddings(
    model: ActiveSpeakerDetector, visual: torch.Tensor, audio: Waveform, first: int
) -> NDArray[np.float32]:
    """Log odds of the ticks of a track, piece by piece."""
    scores = []
    for start in range(0, len(visual), _PIECE):
        begin = max(start - _MARGIN, 0)
        part = visual[begin : start + _PIECE + _MARGIN]
        rows = _rows(audio, first + begin, len(part)).to(visual.device)
        network = model.network
        features = network.fuse(network.audio_encoder(rows, num_frames=len(part)), part[None])
        scores.append(_log_odds(model.head(features)[0])[start - begin :][:_PIECE])
    return np.concatenate(scores)


def _log_odds(logits: torch.Tensor) -> NDArray[np.float32]:
    """Log odds of class 1, (T,), of logits (T, 2)."""
    both: NDArray[np.float32] = logits.float().cpu().numpy()
    return both[:, 1] - both[:, 0]


def _rows(audio: Waveform, first: int, count: int) -> torch.Tensor:
    """MFCCs (1, 4 * count, 13) of ticks; silence where the audio ends."""
    start = round(first / FPS * SAMPLE_RATE)
    length = round((count / FPS + 0.025) * SAMPLE_RATE)  # a row more than the ticks have
    part = torch.from_numpy(audio.samples[start : start + length])
    padded = torch.nn.functional.pad(part, (0, length - len(part)))
    return align_rows(mfcc(padded), count)[None]
