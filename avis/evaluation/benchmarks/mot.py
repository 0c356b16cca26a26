"""MOTChallenge and MOTS: text files of boxes or masks, in TrackEval's folders.

Ground truth: a folder with ``<sequence>/gt/gt.txt`` and ``<sequence>/seqinfo.ini``, such as
``gt/MOT17-train``; its name tells the benchmark: ``MOT15`` has no classes, ``MOTS`` has masks, all
others are scored like MOT17. Output: ``<sequence>.txt`` in a folder. The columns are those of
https://motchallenge.net and https://www.vision.rwth-aachen.de/page/mots.
"""

import configparser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from avis.evaluation.benchmarks.base import Benchmark, BenchmarkVideo, Summary, VideoScore
from avis.evaluation.benchmarks.paths import check_folder
from avis.evaluation.benchmarks.problems import Rule
from avis.evaluation.benchmarks.registry import BENCHMARKS
from avis.evaluation.functional.clear import CLEARCounts, count_clear
from avis.evaluation.functional.counts import EvalProtocol, MaskCounts, Scores, count_masks
from avis.evaluation.functional.hota import HOTACounts, count_hota
from avis.evaluation.functional.identity import IdentityCounts, count_identity
from avis.evaluation.functional.mot import (
    MOTS_PERSON,
    PERSON,
    BoxDetections,
    MaskDetections,
    overlap_boxes,
    overlap_masks,
)
from avis.evaluation.functional.overlap import VideoOverlap
from avis.structures.masks import RLE
from avis.utils.text_files import read_text_file

_IGNORED = 10  # class of ignored regions of MOTS
_SUMMARY = {'HOTA': 'HOTA', 'DetA': 'HOTA', 'AssA': 'HOTA', 'IDF1': 'Identity', 'MOTA': 'CLEAR'}


class SequenceCounts(NamedTuple):
    """The counts of one sequence."""

    hota: HOTACounts
    clear: CLEARCounts
    identity: IdentityCounts
    masks: MaskCounts

    @classmethod
    def of_overlaps(cls, video: VideoOverlap) -> 'SequenceCounts':
        """Count the overlaps of a sequence."""
        return cls(count_hota(video), count_clear(video), count_identity(video), count_masks(video))

    @classmethod
    def total(cls, parts: Sequence['SequenceCounts']) -> 'SequenceCounts':
        """The sum over sequences."""
        columns = zip(*parts, strict=True)
        return cls(*(type(column[0]).total(column) for column in columns))

    def scores(self, *, of_video: bool) -> dict[str, Scores]:
        """The scores by TrackEval's families and names, in 0..1."""
        return {
            'HOTA': self.hota.scores(),
            'CLEAR': self.clear.scores_of_video() if of_video else self.clear.scores(),
            'Identity': self.identity.scores(),
            'Count': self.masks.scores(),
        }


@BENCHMARKS.register_module(name='mot')
class MOTBenchmark(Benchmark[SequenceCounts]):
    """HOTA, DetA, AssA, IDF1 and MOTA of all sequences together, in percent.

    Args:
        gt: Folder of the sequences.
        pred: Folder of the output, ``<sequence>.txt``.
        protocol: Both protocols are TrackEval's.
    """

    HEADLINE = tuple(_SUMMARY)
    UNIT = 'percent'
    RULES: ClassVar[Mapping[str, Rule]] = {
        'missing_prediction': Rule('stop', 'empty'),
        'unknown_sequence': Rule('ignore', 'ignore'),
        'bad_rows': Rule('stop'),
    }

    def __init__(self, gt: str | Path, pred: str | Path, *, protocol: EvalProtocol) -> None:
        super().__init__(gt, pred, protocol=protocol)
        check_folder(self.gt, '<sequence>/gt/gt.txt and <sequence>/seqinfo.ini')
        check_folder(self.pred, 'the output, <sequence>.txt')
        names = sorted(path.parent.parent.name for path in self.gt.glob('*/gt/gt.txt'))
        if not names:
            raise FileNotFoundError(f'{self.gt}: expected <sequence>/gt/gt.txt in it')
        self.videos = [
            BenchmarkVideo(name, {'length': _length(self.gt / name / 'seqinfo.ini')})
            for name in names
        ]
        for path in sorted(self.pred.glob('*.txt')):
            if path.stem not in names:
                self.log.add('unknown_sequence', path, 'the ground truth has no such sequence')

    def score(self, index: int) -> VideoScore[SequenceCounts]:
        """Read, check and score one sequence."""
        video = self.videos[index]
        log, pred = self.new_log(video.name), self.pred / f'{video.name}.txt'
        gt = self.gt / video.name / 'gt' / 'gt.txt'
        found: list[list[str]] = []
        if pred.is_file():
            found = _read_rows(pred)
        else:
            log.add('missing_prediction', pred, 'no such file')
        try:
            overlap = self._overlap(_read_rows(gt), found, num_frames=video.attributes['length'])
        except ValueError as error:
            log.add('bad_rows', pred, str(error))
        if log.stopped:
            return VideoScore(None, log.problems)
        counts = SequenceCounts.of_overlaps(overlap)
        return VideoScore(counts, log.problems, corrected=counts)

    def unpredicted(self) -> Sequence[str]:
        """Names of the sequences without a file."""
        names = [video.name for video in self.videos]
        return [name for name in names if not (self.pred / f'{name}.txt').is_file()]

    def combine(self, partials: Sequence[SequenceCounts]) -> Summary:
        """The scores of the summed counts; HOTA, DetA and AssA are means over thresholds."""
        return _summarize(SequenceCounts.total(partials).scores(of_video=False))

    def summarize_video(self, partial: SequenceCounts) -> Summary:
        """The scores of one sequence."""
        return _summarize(partial.scores(of_video=True))

    def video_details(self, partial: SequenceCounts) -> Mapping[str, Any]:
        """All fields of HOTA, CLEAR, Identity and Count, in 0..1."""
        return partial.scores(of_video=True)

    def details(self, partials: Sequence[SequenceCounts]) -> Mapping[str, Any]:
        """All fields of all sequences together, in 0..1."""
        return SequenceCounts.total(partials).scores(of_video=False)

    def _overlap(
        self, gt: list[list[str]], pred: list[list[str]], *, num_frames: int
    ) -> VideoOverlap:
        name = self.gt.resolve().name
        if name.startswith('MOTS'):
            ignored = _masks(gt, _IGNORED)
            return overlap_masks(
                _masks(gt, MOTS_PERSON),
                _masks(pred, MOTS_PERSON),
                dict(zip(ignored.frames.tolist(), ignored.rles, strict=True)),
                size=(int(gt[0][3]), int(gt[0][4])) if gt else (0, 0),
                num_frames=num_frames,
            )
        with_classes = not name.startswith('MOT15')
        return overlap_boxes(
            _boxes(gt), _boxes(pred), num_frames=num_frames, with_classes=with_classes
        )


def _summarize(scores: Mapping[str, Scores]) -> Summary:
    return {name: 100 * float(np.mean(scores[family][name])) for name, family in _SUMMARY.items()}


def _length(path: Path) -> int:
    """``seqLength`` of a ``seqinfo.ini``."""
    info = configparser.ConfigParser()
    try:
        info.read_string(read_text_file(path))
        return info.getint('Sequence', 'seqLength')
    except (configparser.Error, ValueError) as error:
        raise ValueError(f'{path}: expected seqLength in [Sequence]: {error}') from error


def _read_rows(path: Path) -> list[list[str]]:
    """The columns of each line, separated by commas or blanks; none of an empty file."""
    if not path.stat().st_size:
        return []
    lines = read_text_file(path).splitlines()
    return [line.replace(',', ' ').split() for line in lines if line.strip()]


def _boxes(rows: Sequence[Sequence[str]]) -> BoxDetections:
    """Boxes of the columns frame, id, left, top, width, height, mark, class."""
    table = np.ones((len(rows), 8))
    table[:, 7] = PERSON
    for number, row in enumerate(rows):
        if len(row) < 7:
            raise ValueError(f'row {number + 1}: expected at least 7 columns, got {len(row)}')
        columns = row[:8]
        try:
            table[number, : len(columns)] = [float(value) for value in columns]
        except ValueError as error:
            raise ValueError(f'row {number + 1}: {error}') from error
    if not np.isfinite(table).all():
        raise ValueError('expected finite numbers, got NaN or infinity')
    whole = table[:, [0, 1, 6, 7]].astype(np.int64).T
    return BoxDetections(whole[0] - 1, whole[1], table[:, 2:6], whole[2], whole[3])


def _masks(rows: Sequence[Sequence[str]], label: int) -> MaskDetections:
    """Masks of one class of the columns frame, id, class, height, width, RLE."""
    for number, row in enumerate(rows):
        if len(row) != 6:
            raise ValueError(f'row {number + 1}: expected 6 columns, got {len(row)}')
    chosen = [row for row in rows if int(row[2]) == label]
    rles = [RLE(size=[int(row[3]), int(row[4])], counts=row[5].encode()) for row in chosen]
    frames, ids = (np.array([int(row[column]) for row in chosen], int) for column in (0, 1))
    return MaskDetections(frames - 1, ids, rles)
