"""The global stage by embeddings of faces, of speakers, or of both: no language model."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.avtracker.asr.speech_stage import resample
from avis.avtracker.interfaces import (
    Face,
    FaceEncoder,
    GlobalAnswer,
    GroundedUtterance,
    SpeakerEncoder,
    VideoContext,
)
from avis.avtracker.loading import build_part
from avis.avtracker.track_ids import speaker_mask
from avis.registry import MODELS
from avis.utils.similarity import cosine_similarity


class EmbeddingIdentity:
    """Group utterances by similarity, which subclasses define."""

    def margins(
        self, video: VideoContext, utterances: Sequence[GroundedUtterance]
    ) -> tuple[NDArray[np.float64], dict[str, Any]]:
        """Similarity of all pairs.

        Returns:
            (N, N), above 0 for one person, at most 1, NaN where unknown; and a JSON-ready record.
        """
        raise NotImplementedError

    def group(self, video: VideoContext, utterances: Sequence[GroundedUtterance]) -> GlobalAnswer:
        """Group the utterances; those without an embedding are in no group."""
        margins, record = self.margins(video, utterances)
        groups = cluster(margins)
        record |= {
            'windows': [utterance.query.window for utterance in utterances],
            'key_frames': [utterance.key_frame for utterance in utterances],
            'margins': [
                [None if np.isnan(v) else round(float(v), 4) for v in row] for row in margins
            ],
        }
        reason = f'{type(self).__name__}: {len(groups)} groups of {len(utterances)} windows'
        return GlobalAnswer(dict(enumerate(groups)), reason, record)


@MODELS.register_module()
class FaceIdentity(EmbeddingIdentity):
    """Group by the face of the speaker in each key frame.

    Args:
        encoder: The face encoder, as config or built.
        threshold: Least cosine similarity of one person; the encoder's own if None.
    """

    def __init__(
        self, *, encoder: FaceEncoder | dict[str, Any], threshold: float | None = None
    ) -> None:
        self.encoder: FaceEncoder = build_part(
            encoder, method='faces', where='FaceIdentity: encoder'
        )
        self.threshold = threshold

    @property
    def min_similarity(self) -> float:
        """Least cosine similarity of one person."""
        return self.encoder.threshold if self.threshold is None else self.threshold

    def margins(
        self, video: VideoContext, utterances: Sequence[GroundedUtterance]
    ) -> tuple[NDArray[np.float64], dict[str, Any]]:
        """Cosine similarity of the faces inside the speakers' masks."""
        embeddings = []
        for utterance in utterances:
            mask = speaker_mask(video, utterance)
            faces = self.encoder.faces(video.frames[utterance.key_frame])
            face = None if mask is None else _face_in(mask, faces)
            embeddings.append(None if face is None else face.embedding)
        record = {'faces': [embedding is not None for embedding in embeddings]}
        return cosine_margins(embeddings, self.min_similarity), record


@MODELS.register_module()
class SpeakerIdentity(EmbeddingIdentity):
    """Group by the voice of the speaker.

    Args:
        encoder: The speaker encoder, as config or built.
        threshold: Least cosine similarity of one person; the encoder's own, or 0.35, if None.
    """

    def __init__(
        self, *, encoder: SpeakerEncoder | dict[str, Any], threshold: float | None = None
    ) -> None:
        self.encoder: SpeakerEncoder = build_part(
            encoder, method='embed', where='SpeakerIdentity: encoder'
        )
        own = getattr(self.encoder, 'threshold', 0.35)
        self.threshold: float = own if threshold is None else threshold

    def margins(
        self, video: VideoContext, utterances: Sequence[GroundedUtterance]
    ) -> tuple[NDArray[np.float64], dict[str, Any]]:
        """Cosine similarity of the voices; a span that is too short for the encoder is unknown."""
        audio = resample(video.audio, self.encoder.sample_rate)
        embeddings: list[NDArray[np.float32] | None] = []
        for utterance in utterances:
            start, end = utterance.query.timestamp
            span = audio.samples[int(start * audio.sample_rate) : int(end * audio.sample_rate)]
            try:
                piece = dataclasses.replace(audio, samples=span, start=start)
                embeddings.append(self.encoder.embed(piece))
            except ValueError:
                embeddings.append(None)
        record = {'voices': [embedding is not None for embedding in embeddings]}
        return cosine_margins(embeddings, self.threshold), record


@MODELS.register_module()
class JointIdentity(EmbeddingIdentity):
    """Group by several kinds of embeddings at once, by the mean of the known margins of each pair.

    Args:
        parts: ``FaceIdentity``, ``SpeakerIdentity``, as configs or built.
    """

    def __init__(self, *, parts: Sequence[EmbeddingIdentity | dict[str, Any]]) -> None:
        if not parts:
            raise ValueError('JointIdentity: expected at least one part, got none')
        self.parts: list[EmbeddingIdentity] = [
            build_part(part, method='margins', where='JointIdentity: a part') for part in parts
        ]

    def margins(
        self, video: VideoContext, utterances: Sequence[GroundedUtterance]
    ) -> tuple[NDArray[np.float64], dict[str, Any]]:
        """Mean over the parts for which a pair is known."""
        found = [part.margins(video, utterances) for part in self.parts]
        each = np.stack([margins for margins, _ in found])
        known = ~np.isnan(each)
        total = np.where(known, each, 0.0).sum(axis=0)
        mean = np.full(total.shape, np.nan)
        np.divide(total, known.sum(axis=0), out=mean, where=known.any(axis=0))
        return mean, {type(p).__name__: r for p, (_, r) in zip(self.parts, found, strict=True)}


def cosine_margins(
    embeddings: Sequence[NDArray[np.float32] | None], threshold: float
) -> NDArray[np.float64]:
    """(cosine - threshold) / (1 - threshold) of all pairs, NaN where one is None, (N, N)."""
    margins = np.full((len(embeddings), len(embeddings)), np.nan)
    for row, one in enumerate(embeddings):
        for column, other in enumerate(embeddings):
            if one is not None and other is not None:
                margins[row, column] = (cosine_similarity(one, other) - threshold) / (1 - threshold)
    return margins


def cluster(margins: NDArray[np.float64]) -> list[list[int]]:
    """Average linkage: join the two groups with the highest mean margin until all are below 0.

    Args:
        margins: (N, N), symmetric, NaN where unknown. An utterance whose margin to itself is NaN
            is in no group.

    Returns:
        Groups in order of their first member.

    >>> cluster(np.array([[1, 0.5, -1], [0.5, 1, -1], [-1, -1, 1.0]]))
    [[0, 1], [2]]
    """
    groups = [[n] for n in range(len(margins)) if not np.isnan(margins[n, n])]
    seen = [n for (n,) in groups]
    margins = margins[np.ix_(seen, seen)]
    # Between two groups: sum of the known margins, and how many these are.
    sums, known = np.nan_to_num(margins), (~np.isnan(margins)).astype(float)
    while len(groups) > 1:
        means = np.full(sums.shape, -np.inf)
        np.divide(sums, known, out=means, where=np.triu(known, 1) > 0)
        one, other = (int(n) for n in np.unravel_index(means.argmax(), means.shape))
        if means[one, other] < 0:
            break
        groups[one] += groups.pop(other)
        sums, known = _joined(sums, one, other), _joined(known, one, other)
    return sorted((sorted(group) for group in groups), key=lambda group: group[0])


def _joined(table: NDArray[np.float64], one: int, other: int) -> NDArray[np.float64]:
    """Sums between groups (N, N) after two of them became one, (N - 1, N - 1)."""
    table = table.copy()
    table[one] += table[other]
    table[:, one] += table[:, other]
    return np.delete(np.delete(table, other, axis=0), other, axis=1)


def _face_in(mask: NDArray[np.bool_], faces: Sequence[Face]) -> Face | None:
    """The face with the largest share inside a mask, at least half; None if there is none.

    A face box larger than the mask, such as the whole image, counts by the share of the mask in it.
    """
    shares = []
    for face in faces:
        left, top, right, bottom = (max(round(value), 0) for value in face.box)
        inside = mask[top:bottom, left:right]
        shares.append(inside.sum() / max(min(inside.size, mask.sum()), 1))
    return faces[int(np.argmax(shares))] if shares and max(shares) >= 0.5 else None
