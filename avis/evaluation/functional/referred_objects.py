"""Summary of Ref-AVS Bench: J and F of objects, S of null references, beside trivial answers.

NumPy and OpenCV only: no torch, no mmengine, no I/O. Start reading at :func:`score_expression`,
which turns one row of the csv file into a few small arrays, and :func:`summarize_expressions`. The
formulas are those of :mod:`avis.evaluation.functional.ref_avs`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avis.evaluation.functional.array_types import FloatArray, IntArray
from avis.evaluation.functional.avsbench import ClipScores, pool_clips, score_clip
from avis.evaluation.functional.counts import EvalProtocol, check_protocol
from avis.evaluation.functional.ref_avs import (
    BATCH_SIZE,
    J_THRESHOLD,
    S_THRESHOLD,
    foreground_shares,
    resize_label,
    score_null_references,
)
from avis.evaluation.functional.resampling import resample_avsbench
from avis.evaluation.functional.trivial import trivial_masks

PREDICTION = ''  # name of the prediction among the answers
_SUFFIXES = {'test_s': '_seen', 'test_u': '_unseen'}
NULL_SPLIT = 'test_n'


@dataclass(frozen=True)
class Answer:
    """The scores of one answer to one expression.

    Attributes:
        clip: J and F of its frames.
        shares: Segmented share of each frame, (N,).
    """

    clip: ClipScores
    shares: FloatArray


@dataclass(frozen=True)
class ScoredExpression:
    """One expression.

    Attributes:
        split: Split of its row.
        is_null: Whether it is a null reference.
        answers: The prediction, :data:`PREDICTION`, and trivial answers by name.
    """

    split: str
    is_null: bool
    answers: Mapping[str, Answer]


def match_sizes(
    prob: NDArray[Any], label: NDArray[np.uint8], *, protocol: EvalProtocol, resize: bool = True
) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """Bring prediction and label to the size at which the protocol compares them.

    ``official``: both to ``LABEL_SIZE``, the label as :func:`resize_label` does. ``corrected``: the
    prediction to the size of the label. Predictions are interpolated bilinearly.

    Args:
        prob: (N, h, w), float32 in [0, 1] or uint8.
        label: Gray levels, (N, H, W); pixels above 0 are foreground.
        protocol: ``'official'`` or ``'corrected'``.
        resize: False keeps the label as it is under ``official``, too.
    """
    check_protocol(protocol)
    if protocol == 'official' and resize:
        label = np.stack([resize_label(frame) for frame in label]).astype(np.uint8)
    return resize_frames(prob, label.shape[1], label.shape[2]), label


def resize_frames(prob: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """Resize probabilities (N, h, w) bilinearly to (N, height, width)."""
    if prob.shape[1:] == (height, width):
        return prob
    return np.stack([np.asarray(cv2.resize(frame, (width, height))) for frame in prob])


def score_expression(
    prob: NDArray[Any],
    label: NDArray[Any],
    *,
    split: str,
    is_null: bool,
    protocol: EvalProtocol = 'official',
) -> ScoredExpression:
    """Score the prediction and the trivial answers for one expression.

    Args:
        prob: Probability of the referred object, (N, H, W), float32 in [0, 1] or uint8.
        label: Ground truth, (N, H, W), non-zero inside; not used for a null reference.
        split: Split of the row.
        is_null: Whether it is a null reference, whose ground truth is empty.
        protocol: ``'official'``: J at a threshold of 0.4; ``'corrected'``: at 0.5, as S.
    """
    check_protocol(protocol)
    target = np.zeros(prob.shape, bool) if is_null else np.asarray(label) > 0
    answers: dict[str, NDArray[Any]] = {PREDICTION: prob}
    for name, mask in trivial_masks(*prob.shape[1:]).items():
        answers[name] = np.broadcast_to(np.uint8(255) * mask, prob.shape)
    answers['empty'] = np.zeros(prob.shape, np.uint8)
    threshold = J_THRESHOLD if protocol == 'official' else S_THRESHOLD
    scored = {
        name: Answer(score_clip(answer, target, threshold=threshold), foreground_shares(answer))
        for name, answer in answers.items()
    }
    return ScoredExpression(split, is_null, scored)


def summarize_expressions(
    rows: Sequence[ScoredExpression],
    splits: Sequence[str],
    *,
    protocol: EvalProtocol = 'official',
    batch_size: int = BATCH_SIZE,
) -> dict[str, float]:
    """The scores of a data set, given in its order; NaN where a split has no row.

    Args:
        rows: One entry per expression.
        splits: The splits that are scored; they determine the keys.
        protocol: ``'official'``: averages over evaluation batches; J and F of ``train`` and ``val``
            include null references, whose ground truth is empty. ``'corrected'``: all frames
            together, null references count in S only.
        batch_size: Expressions per evaluation batch of the official protocol.

    Returns:
        ``J_seen`` and ``F_seen`` of ``test_s``, ``J_unseen`` and ``F_unseen`` of ``test_u``, their
        means ``J_mix`` and ``F_mix`` if both are scored, ``J`` and ``F`` of other splits, ``S`` of
        null references, lower is better; with ``corrected`` also ``J_visible...`` over the frames
        in which the object is visible; then J, F and S of the trivial answers, with their name in
        front.
    """
    names = list(rows[0].answers) if rows else [PREDICTION]
    summary: dict[str, float] = {}
    for name in names:
        scores = _summarize(rows, splits, name, protocol, batch_size)
        for key, value in scores.items():
            if name == PREDICTION or not key.startswith('J_visible'):
                summary[f'{name}_{key}' if name else key] = value
    return summary


def select_rows(
    rows: Sequence[ScoredExpression], splits: Sequence[str], protocol: EvalProtocol
) -> dict[str, list[int]]:
    """Indices of the rows behind each group of scores: suffixes of J and F, and ``'S'``."""
    with_objects = [split for split in splits if split != NULL_SPLIT]
    groups: dict[str, list[int]] = {_SUFFIXES.get(split, ''): [] for split in with_objects}
    groups['S'] = []
    for index, row in enumerate(rows):
        if row.is_null:
            groups['S'].append(index)
        if row.split in with_objects and not (row.is_null and protocol == 'corrected'):
            groups[_SUFFIXES.get(row.split, '')].append(index)
    if set(splits) <= set(_SUFFIXES):
        del groups['S']
    return groups


def resample_expressions(
    rows: Sequence[ScoredExpression],
    draws: IntArray,
    splits: Sequence[str],
    *,
    protocol: EvalProtocol,
    batch_size: int,
) -> dict[str, FloatArray]:
    """J, F and S of the prediction for each draw, without their means over splits.

    Args:
        rows: One entry per expression.
        draws: Indices of expressions, (R, N).
        splits: The splits that are scored.
        protocol: ``'official'`` or ``'corrected'``.
        batch_size: Expressions per evaluation batch of the official protocol.
    """
    answers = [row.answers[PREDICTION] for row in rows]
    found: dict[str, FloatArray] = {}
    for suffix, members in select_rows(rows, splits, protocol).items():
        chosen = np.isin(np.arange(len(rows)), members)
        parts = [draw[chosen[draw]] for draw in draws]
        if suffix == 'S':
            shares = [answer.shares for answer in answers]
            scores = [
                score_null_references(
                    [shares[i] for i in part], protocol=protocol, batch_size=batch_size
                )
                for part in parts
            ]
            found['S'] = np.array(scores)
            continue
        clips = [answer.clip for answer in answers]
        scored = resample_avsbench(clips, parts, protocol=protocol, batch_size=batch_size)
        found |= {f'J{suffix}': scored['miou'], f'F{suffix}': scored['F_score']}
    return found


def _summarize(
    rows: Sequence[ScoredExpression],
    splits: Sequence[str],
    name: str,
    protocol: EvalProtocol,
    batch_size: int,
) -> dict[str, float]:
    scores: dict[str, float] = {}
    options: Any = {'protocol': protocol, 'batch_size': batch_size}
    groups = select_rows(rows, splits, protocol)
    null = groups.pop('S', None)
    for suffix, members in groups.items():
        pooled = pool_clips([rows[i].answers[name].clip for i in members], **options)
        scores |= {f'J{suffix}': pooled.miou, f'F{suffix}': pooled.F_score}
        if protocol == 'corrected':
            scores[f'J_visible{suffix}'] = pooled.miou_sounding
    if set(_SUFFIXES.values()) <= set(groups):
        for key in 'JF':
            scores[f'{key}_mix'] = (scores[f'{key}_seen'] + scores[f'{key}_unseen']) / 2
    if null is not None:
        shares = [rows[i].answers[name].shares for i in null]
        scores['S'] = score_null_references(shares, **options)
    return scores
