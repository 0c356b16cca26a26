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
from avis.models.trackers.matching import cosine_similarity_matrix
from avis.registry import MODELS


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
            **group_margins(margins, groups),
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
        size = len(utterances), len(utterances)
        mean, known, record = np.zeros(size), np.zeros(size, np.uint8), {}
        for part in self.parts:
            margins, record[type(part).__name__] = part.margins(video, utterances)
            known += ~np.isnan(margins)
            mean += np.nan_to_num(margins)
        mean[known == 0] = np.nan
        mean /= known.clip(1)
        return mean, record


def cosine_margins(
    embeddings: Sequence[NDArray[np.float32] | None], threshold: float
) -> NDArray[np.float64]:
    """(cosine - threshold) / (1 - threshold) of all pairs, NaN where one is None, (N, N)."""
    margins = np.full((len(embeddings), len(embeddings)), np.nan)
    known = {n: embedding for n, embedding in enumerate(embeddings) if embedding is not None}
    if known:
        stacked, rows = np.stack([*known.values()]), [*known]
        cosines = cosine_similarity_matrix(stacked, stacked)
        margins[np.ix_(rows, rows)] = (cosines - threshold) / (1 - threshold)
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
    if not len(margins):
        return []
    groups = {n: [n] for n in np.flatnonzero(~np.isnan(np.diagonal(margins))).tolist()}
    # Between two groups: sum of the known margins, and how many these are; 0 with what is none.
    sums, known = np.nan_to_num(margins), (~np.isnan(margins)).astype(np.uint32)
    known[:, known.diagonal() == 0] = 0
    best, partner = np.full(len(sums), -np.inf), np.arange(len(sums))
    stale = list(groups)
    while True:
        for group in stale:
            best[group], partner[group] = _best_partner(sums[group], known[group], group)
        one = int(best.argmax())
        other = int(partner[one])
        if best[one] < 0:
            break
        groups[one] += groups.pop(other)
        for table in (sums, known):
            table[one] += table[other]
            table[:, one] += table[:, other]
        known[:, other], best[other] = 0, -np.inf
        # The mean of a joined group lies between those of its parts: no other partner is better.
        stale = [n for n in groups if n == one or partner[n] in (one, other)]
    return sorted((sorted(group) for group in groups.values()), key=lambda group: group[0])


def _best_partner(
    sums: NDArray[np.float64], known: NDArray[np.uint32], group: int
) -> tuple[float, int]:
    """Highest mean margin of a group to one of the following groups (N,), and that group."""
    others = np.flatnonzero(known)
    others = others[others > group]
    if not len(others):
        return -np.inf, group
    means = sums[others] / known[others]
    return float(means.max()), int(others[means.argmax()])


def group_margins(
    margins: NDArray[np.float64], groups: Sequence[Sequence[int]]
) -> dict[str, list[float | None]]:
    """How close each utterance is to its group and to the nearest other one.

    Args:
        margins: (N, N), NaN where unknown.
        groups: Members of each group.

    Returns:
        ``own_margins`` and ``next_margins``, one mean of the known margins per utterance; None
        where there is none.
    """
    own, following = np.full(len(margins), np.nan), np.full(len(margins), np.nan)
    for group in groups:
        part = margins[:, group]
        count = (~np.isnan(part)).sum(axis=1)
        mean = np.where(count > 0, np.nansum(part, axis=1) / count.clip(1), np.nan)
        own[group] = mean[group]
        mean[group] = np.nan
        following = np.fmax(following, mean)
    return {'own_margins': _rounded(own), 'next_margins': _rounded(following)}


def _rounded(values: NDArray[np.float64]) -> list[float | None]:
    return [None if np.isnan(value) else round(float(value), 4) for value in values]


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
