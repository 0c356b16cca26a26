"""Diarization: RTTM files of who speaks when, against those of the reference.

Ground truth and prediction: an RTTM file with any number of recordings, or a folder of RTTM files,
such as ``rttms`` of AVA-AVD or the output folder of ``avis infer``. Names of recordings are
compared as they are. A recording of the reference without predicted turns counts as missed. One
that the reference does not have has no speech if the UEM file names it; otherwise ``corrected``
leaves it out, and ``official`` gives it a DER of its own that does not count.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from avis.evaluation.benchmarks.base import Benchmark, BenchmarkVideo, Summary, VideoScore
from avis.evaluation.benchmarks.paths import check_file, wrong_path
from avis.evaluation.benchmarks.problems import Rule
from avis.evaluation.benchmarks.registry import BENCHMARKS
from avis.evaluation.functional.counts import EvalProtocol
from avis.evaluation.functional.diarization import (
    DiarizationCounts,
    Region,
    Turn,
    count_diarization,
    score_diarization,
)
from avis.utils.ava_csv import parse_number
from avis.utils.rttm import parse_rttm, parse_uem
from avis.utils.text_files import read_text_file

OfficialScorer = Literal['dscore', 'md_eval', 'pyannote']
_EXPECTED = 'an RTTM file, or a folder of them'


@BENCHMARKS.register_module(name='diarization')
class DiarizationBenchmark(Benchmark[DiarizationCounts]):
    """DER, its parts and JER, in percent.

    Args:
        gt: RTTM file or folder of the reference.
        pred: RTTM file or folder of the prediction.
        protocol: ``'official'`` reproduces ``scorer``; ``'corrected'`` joins the turns of each
            speaker, seeks the map of speakers in the scored time, and counts recordings without
            reference speech.
        collar: Seconds left out on each side of the start and end of a reference turn; AVA-AVD uses
            0.25.
        skip_overlap: Leave out times in which several reference speakers talk.
        uem: UEM file with the scored regions; by default each recording is scored from the first to
            the last time of its turns.
        offsets: File with the name of a recording and a number of seconds per line, which are added
            to the times of its prediction, such as ``split/offsets.txt`` of AVA-AVD.
        scorer: Published scorer of the official protocol: ``'dscore'``, which AVA-AVD uses,
            ``'md_eval'`` or ``'pyannote'``, see
            :func:`~avis.evaluation.functional.diarization.count_diarization`.
    """

    HEADLINE = ('DER', 'JER')
    UNIT = 'percent'
    RULES: ClassVar[Mapping[str, Rule]] = {
        'missing_prediction': Rule('empty', 'empty'),
        'unknown_recording': Rule('keep', 'skip'),
        'no_region': Rule('skip', 'skip'),
    }

    def __init__(
        self,
        gt: str | Path,
        pred: str | Path,
        *,
        protocol: EvalProtocol,
        collar: float = 0.0,
        skip_overlap: bool = False,
        uem: str | Path | None = None,
        offsets: str | Path | None = None,
        scorer: OfficialScorer = 'dscore',
    ) -> None:
        super().__init__(gt, pred, protocol=protocol)
        if scorer not in get_args(OfficialScorer):
            raise ValueError(f'scorer must be one of {get_args(OfficialScorer)}, got {scorer!r}')
        count_diarization([], [], collar=collar)  # check the value before reading files
        self.collar, self.skip_overlap, self.scorer = collar, skip_overlap, scorer
        self._ref, self._pred = _read(self.gt), _read(self.pred)
        for name, shift in ({} if offsets is None else _read_offsets(Path(offsets))).items():
            turns = self._pred.get(name, [])
            turns[:] = [(start + shift, end + shift, speaker) for start, end, speaker in turns]
        self._regions = None if uem is None else _read_uem(Path(uem))
        names = list(dict.fromkeys([*self._ref, *(self._regions or ()), *self._pred]))
        self.videos = [
            BenchmarkVideo(name, {'speakers': len({turn[2] for turn in self._ref.get(name, ())})})
            for name in names
        ]

    def score(self, index: int) -> VideoScore[DiarizationCounts]:
        """Compare the turns of one recording."""
        name = self.videos[index].name
        log = self.new_log(name)
        region: Region | None = None
        if self._regions is not None:
            region = self._regions.get(name)
            if region is None:
                log.add('no_region', self.gt, f'the UEM file has no region of {name!r}')
                return VideoScore(None, log.problems)
        elif name not in self._ref:
            message = f'the reference has no recording {name!r}'
            if log.add('unknown_recording', self.pred, message) == 'skip':
                return VideoScore(None, log.problems)
        if name not in self._pred:
            log.add('missing_prediction', self.pred, f'no turn of {name!r}')
        corrected = self._count(name, region, corrected=True)
        if self.protocol == 'corrected':
            return VideoScore(corrected, log.problems)
        official = self._count(name, region, corrected=False)
        return VideoScore(official, log.problems, corrected=corrected)

    def _count(self, name: str, region: Region | None, *, corrected: bool) -> DiarizationCounts:
        return count_diarization(
            self._ref.get(name, []),
            self._pred.get(name, []),
            scorer='corrected' if corrected else self.scorer,
            region=region,
            collar=self.collar,
            skip_overlap=self.skip_overlap,
        )

    def unpredicted(self) -> Sequence[str]:
        """Names of the recordings without any turn."""
        return [video.name for video in self.videos if video.name not in self._pred]

    def combine(self, partials: Sequence[DiarizationCounts]) -> Summary:
        """See :func:`~avis.evaluation.functional.diarization.score_diarization`."""
        return dict(score_diarization(partials))

    def video_details(self, partial: DiarizationCounts) -> Mapping[str, Any]:
        """The times of one recording in seconds, and its number of reference speakers."""
        return {
            'total': partial.total,
            'correct': partial.correct,
            'missed': partial.missed,
            'false_alarm': partial.false_alarm,
            'confusion': partial.confusion,
            'speakers': partial.speakers,
        }

    def explain_gap(
        self,
        official: Sequence[DiarizationCounts],
        corrected: Sequence[DiarizationCounts],
        scores: Collection[str],
    ) -> Sequence[str]:
        """Recordings without reference speech, and turns of one speaker that overlap."""
        ignored = sum(partial.ignored for partial in official)
        causes = []
        if ignored:
            causes.append(f'official leaves out {ignored} recordings without reference speech')
        if sum(part.total for part in official) > sum(part.total for part in corrected):
            causes.append('official counts a speaker twice where two of their own turns overlap')
        return causes


def _read(path: Path) -> dict[str, list[Turn]]:
    """The turns of each recording of a file, or of all files below a folder."""
    if path.is_dir():
        files = sorted(path.rglob('[!.]*.rttm'))
        if not files:
            raise wrong_path(path, 'contains no .rttm file', _EXPECTED, [path / 'rttms'])
    else:
        check_file(path, _EXPECTED)
        files = [path]
    turns: dict[str, list[Turn]] = defaultdict(list)
    sources: dict[str, Path] = {}
    for file in files:
        if not file.stat().st_size:
            continue  # a recording without speech
        try:
            found = parse_rttm(read_text_file(file))
        except ValueError as error:
            raise ValueError(f'{file}: {str(error).removeprefix(f"{file}: ")}') from error
        for recording, start, end, speaker in found:
            other = sources.setdefault(recording, file)
            if other != file:
                raise ValueError(
                    f'{file}: recording {recording!r} is in {other} too. Keep one file of each '
                    f'recording.'
                )
            turns[recording].append((start, end, speaker))
    return dict(turns)


def _read_offsets(path: Path) -> dict[str, float]:
    check_file(path, 'lines of a recording and its start in seconds')
    offsets = {}
    for number, line in enumerate(read_text_file(path).splitlines(), 1):
        name, _, text = line.strip().rpartition(' ')
        if line.strip():
            offsets[name.strip()] = parse_number(text, f'{path}: line {number}')
    return offsets


def _read_uem(path: Path) -> dict[str, list[tuple[float, float]]]:
    check_file(path, 'a UEM file with lines of recording, channel, start and end')
    try:
        return parse_uem(read_text_file(path))
    except ValueError as error:
        raise ValueError(f'{path}: {str(error).removeprefix(f"{path}: ")}') from error
