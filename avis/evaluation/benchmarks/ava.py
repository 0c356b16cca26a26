"""AVA-ActiveSpeaker: csv files with a score per face and frame against those of the data set.

Ground truth: a csv file or a folder of them, without a header as published: video, second, x1, y1,
x2, y2, label, entity; a ninth column may name the speaker. Prediction: the same with a ninth
column, the score, and the label SPEAKING_AUDIBLE in every row. Files with the header of other
preprocessing scripts are accepted too.

The official script joins rows by second and entity, leaves out those without a partner as long as
both sides have equally many rows, and stops at an entity that two videos share. ``corrected`` joins
by video, second and entity; a ground-truth row without prediction is never found.
"""

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from avis.evaluation.benchmarks.base import Benchmark, BenchmarkVideo, Summary, VideoScore
from avis.evaluation.benchmarks.paths import wrong_path
from avis.evaluation.benchmarks.problems import Problem, Rule
from avis.evaluation.benchmarks.registry import BENCHMARKS
from avis.evaluation.functional.active_speaker import average_precision, f1_by_speaker
from avis.evaluation.functional.array_types import BoolArray, FloatArray
from avis.evaluation.functional.counts import EvalProtocol
from avis.utils.ava_csv import SPEECH_LABELS, FaceRows, read_face_rows, speaker_names

_BOX_TOLERANCE = 1e-9
_EXPECTED = 'a csv file of AVA-ActiveSpeaker, or a folder of them'
_Key = tuple[str, float, str]


@dataclass(frozen=True)
class FaceScores:
    """The rows of one video, N of them.

    Attributes:
        order: Position of each row among all of the ground truth, on which equal scores depend.
        scores: Score of each row; NaN without prediction.
        speaking: Whether the face speaks audibly.
        speakers: Name of the speaker of each row; empty where it has none.
    """

    order: NDArray[np.int64]
    scores: FloatArray
    speaking: BoolArray
    speakers: Sequence[str]


@BENCHMARKS.register_module(name='ava')
class AVABenchmark(Benchmark[FaceScores]):
    """Average precision of "speaks audibly" over all rows, and F1 per speaker.

    Args:
        gt: csv file or folder of the ground truth.
        pred: csv file or folder of the prediction.
        protocol: ``'official'`` or ``'corrected'``.
        threshold: Score above which a face counts as speaking for F1, which is computed if the
            ground truth names the speakers.
    """

    HEADLINE = ('average_precision',)
    UNIT = 'fraction'
    RULES: ClassVar[Mapping[str, Rule]] = {
        'duplicate_row': Rule('stop'),
        'shared_entity': Rule('stop', None),
        'row_count': Rule('stop', None),
        'missing_row': Rule('ignore', 'empty'),
        'unknown_row': Rule('ignore', 'ignore'),
        'wrong_label': Rule('stop'),
        'missing_score': Rule('stop'),
        'box_differs': Rule('stop'),
        'no_speaker': Rule('stop', 'keep'),
    }

    def __init__(
        self, gt: str | Path, pred: str | Path, *, protocol: EvalProtocol, threshold: float = 0.5
    ) -> None:
        super().__init__(gt, pred, protocol=protocol)
        self.threshold = threshold
        wanted, given = _read(self.gt, 'speaker'), _read(self.pred, 'score')
        self._scores = self._parse_scores(given)
        self._check_keys(wanted, given)
        partners = self._join(wanted, given)
        rows: dict[str, list[int]] = defaultdict(list)
        for row, video in enumerate(wanted.videos):
            rows[video].append(row)
        self._wanted, self._partners, self._rows = wanted, partners, rows
        self._speakers = speaker_names(wanted.last)
        self.videos = [BenchmarkVideo(video, {'rows': len(own)}) for video, own in rows.items()]

    def score(self, index: int) -> VideoScore[FaceScores]:
        """Collect the rows of one video."""
        rows = np.array(self._rows[self.videos[index].name])
        partners = self._partners[rows]
        scores = np.where(partners < 0, math.nan, self._scores[partners])
        speaking = self._wanted.labels[rows] == 1
        speakers = np.array(self._speakers, dtype=object)[rows]
        everything = FaceScores(rows, scores, speaking, speakers.tolist())
        joined = partners >= 0
        official = FaceScores(
            rows[joined], scores[joined], speaking[joined], speakers[joined].tolist()
        )
        partial = official if self.protocol == 'official' else everything
        return VideoScore(partial, corrected=everything)

    def combine(self, partials: Sequence[FaceScores]) -> Summary:
        """``average_precision`` in 0..1, ``F1`` if speakers are known, and numbers of rows.

        The average precision is NaN without a speaking row.
        """
        rows = _concatenate(partials)
        summary: Summary = {'average_precision': self._average_precision(rows)}
        by_speaker = self._f1(rows)
        if by_speaker:
            summary['F1'] = float(np.mean(list(by_speaker.values())))
        return {**summary, 'rows': len(rows.scores), 'speaking': int(rows.speaking.sum())}

    def details(self, partials: Sequence[FaceScores]) -> Mapping[str, Any]:
        """F1 of each speaker."""
        by_speaker = self._f1(_concatenate(partials))
        return {'F1_by_speaker': by_speaker} if by_speaker else {}

    def explain_gap(
        self,
        official: Sequence[FaceScores],
        corrected: Sequence[FaceScores],
        scores: Collection[str],
    ) -> Sequence[str]:
        """Rows without prediction, and rows of equal score."""
        rows = _concatenate(official)
        causes = []
        missing = len(_concatenate(corrected).scores) - len(rows.scores)
        if missing:
            causes.append(f'official leaves out {missing} rows without prediction')
        tied = len(rows.scores) - len(np.unique(rows.scores))
        if tied:
            causes.append(f'{tied} rows have the score of another one, official in file order')
        return causes

    def review(self, partials: Sequence[FaceScores]) -> Sequence[Problem]:
        """Report that no row speaks."""
        log = self.new_log()
        if not any(partial.speaking.any() for partial in partials):
            log.add('no_speaker', self.gt, f'no row with the label {SPEECH_LABELS[1]}')
        return log.problems

    def _average_precision(self, rows: FaceScores) -> float:
        if not rows.speaking.any():
            return math.nan
        found = ~np.isnan(rows.scores)
        scores, speaking = rows.scores[found], rows.speaking[found]
        if not speaking.any():
            return 0.0
        # Rows without prediction are never found: they lower the recall only.
        share = float(speaking.sum() / rows.speaking.sum())
        return share * average_precision(scores, speaking, protocol=self.protocol)

    def _f1(self, rows: FaceScores) -> dict[str, float]:
        known = np.array([bool(speaker) for speaker in rows.speakers], bool)
        if not known.any():
            return {}
        names = [speaker for speaker in rows.speakers if speaker]
        predicted = rows.scores[known] > self.threshold
        return f1_by_speaker(predicted, rows.speaking[known], names)

    def _parse_scores(self, given: '_Table') -> FloatArray:
        """The scores, NaN where one is missing; logs these, and rows of another label."""
        scores = np.full(len(given), math.nan)
        for row, text in enumerate(given.last):
            with suppress(ValueError):
                scores[row] = float(text)
            if math.isnan(scores[row]):
                problem = f'expected a score in the last column, got {text!r}'
                self._report('missing_score', given.where(row), problem)
        for row in np.flatnonzero(given.labels != 1).tolist():
            problem = (
                f'expected the label {SPEECH_LABELS[1]}, got {SPEECH_LABELS[given.labels[row]]}'
            )
            self._report('wrong_label', given.where(row), problem)
        return scores

    def _check_keys(self, wanted: '_Table', given: '_Table') -> None:
        """Log rows that are there twice, and entities of several videos."""
        for rows in (wanted, given):
            seen: set[_Key] = set()
            owners: dict[tuple[float, str], str] = {}
            for row, key in enumerate(_keys(rows)):
                video, time, entity = key
                where = rows.where(row)
                if key in seen:
                    problem = f'{entity} at {time} s of {video} is there twice'
                    self._report('duplicate_row', where, problem)
                elif owners.setdefault((time, entity), video) != video:
                    problem = f'{entity} at {time} s is in {owners[time, entity]} and {video}'
                    self._report('shared_entity', where, problem)
                seen.add(key)
        if len(wanted) != len(given):
            problem = f'{len(given)} rows, the ground truth has {len(wanted)}'
            self.log.add('row_count', self.pred, problem)

    def _join(self, wanted: '_Table', given: '_Table') -> NDArray[np.int64]:
        """Index of the predicted row of each ground-truth row, -1 without one."""
        found = {self._joined_by(key): row for row, key in enumerate(_keys(given))}
        keys = [self._joined_by(key) for key in _keys(wanted)]
        partners = np.array([found.get(key, -1) for key in keys], np.int64)
        known = set(keys)
        for row in np.flatnonzero(partners < 0).tolist():
            self._report('missing_row', wanted.where(row), f'no prediction for {keys[row]}')
        for key, row in found.items():
            if key not in known:
                self._report('unknown_row', given.where(row), f'not in the ground truth: {key}')
        for row in np.flatnonzero(partners >= 0).tolist():
            other = given.boxes[partners[row]]
            if np.abs(other - wanted.boxes[row]).max() > _BOX_TOLERANCE:
                problem = f'box {other.tolist()}, the ground truth has {wanted.boxes[row].tolist()}'
                self._report('box_differs', given.where(int(partners[row])), problem)
        return partners

    def _report(self, kind: str, where: tuple[Path, str], message: str) -> None:
        file, field = where
        self.log.add(kind, file, message, field=field)

    def _joined_by(self, key: _Key) -> tuple[object, ...]:
        return key[1:] if self.protocol == 'official' else key


class _Table:
    """The rows of all files of one side; attributes as those of ``FaceRows``."""

    def __init__(self, parts: Sequence[FaceRows]) -> None:
        self._parts = parts
        self._starts = np.cumsum([0, *(len(part) for part in parts)]).tolist()
        self.videos = [video for part in parts for video in part.videos]
        self.entities = [entity for part in parts for entity in part.entities]
        self.last = [text for part in parts for text in part.last]
        self.times = np.concatenate([part.times for part in parts])
        self.boxes = np.concatenate([part.boxes for part in parts])
        self.labels = np.concatenate([part.labels for part in parts])

    def __len__(self) -> int:
        return len(self.videos)

    def where(self, row: int) -> tuple[Path, str]:
        """File and line of a row."""
        number = bisect_right(self._starts, row) - 1
        part = self._parts[number]
        return part.path, f'line {part.lines[row - self._starts[number]]}'


def _keys(rows: '_Table') -> list[_Key]:
    return list(zip(rows.videos, rows.times.tolist(), rows.entities, strict=True))


def _read(path: Path, extra: str) -> '_Table':
    """Read a csv, or all of a folder in the order of their names."""
    if path.is_dir():
        files = sorted(path.glob('[!.]*.csv'))
        if not files:
            raise wrong_path(path, 'contains no csv file', _EXPECTED, [path / 'csv'])
    elif path.is_file():
        files = [path]
    else:
        raise wrong_path(path, 'does not exist', _EXPECTED, [])
    return _Table([read_face_rows(file, extra=extra) for file in files])


def _concatenate(partials: Sequence[FaceScores]) -> FaceScores:
    """All rows in the order of the ground truth."""
    order = np.concatenate([partial.order for partial in partials])
    ranks = np.argsort(order, kind='stable')
    speakers = [speaker for partial in partials for speaker in partial.speakers]
    return FaceScores(
        order[ranks],
        np.concatenate([partial.scores for partial in partials])[ranks],
        np.concatenate([partial.speaking for partial in partials])[ranks],
        [speakers[rank] for rank in ranks.tolist()],
    )
