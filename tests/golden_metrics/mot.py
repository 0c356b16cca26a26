"""MOTChallenge boxes and MOTS masks in TrackEval's folders, and single sequences."""

from pathlib import Path
from typing import Any

import numpy as np

from avis.evaluation.benchmarks.mot import MOTBenchmark, SequenceCounts
from tests.golden_metrics.comparison import read_expected

TOLERANCES = {'*': 1e-9}
SKIPPED = {
    'one_sequence_cases/*/gt': 'describes the input',
    'one_sequence_cases/*/tracker': 'describes the input',
    'one_sequence_cases/*/length': 'describes the input',
}


def compute(folder: Path, work: Path) -> dict[str, Any]:
    """Scores of every sequence, of all of them together, and of the single sequences."""
    recorded = read_expected(folder)
    scores: dict[str, Any] = {
        path.name: _benchmark(path) for path in sorted(folder.glob('*_MOT*')) if path.is_dir()
    }
    scores['one_sequence_cases'] = {
        name: {'result': _sequence(case, work / name)}
        for name, case in recorded['one_sequence_cases'].items()
    }
    return scores


def expected(folder: Path) -> dict[str, Any]:
    """The recorded values."""
    return read_expected(folder)


def _benchmark(folder: Path) -> dict[str, Any]:
    (seqmap,) = folder.glob('gt/seqmaps/*.txt')
    results = folder / 'trackers' / seqmap.stem / 'model' / 'data'
    benchmark = MOTBenchmark(folder / 'gt' / seqmap.stem, results, protocol='official')
    scores, parts = {}, []
    for index, video in enumerate(benchmark.videos):
        counts = benchmark.score(index).partial
        assert counts is not None
        parts.append(counts)
        scores[video.name] = _scores(counts, video.attributes['length'])
    return scores | {'COMBINED_SEQ': _scores(SequenceCounts.total(parts), None)}


def _sequence(case: dict[str, Any], work: Path) -> dict[str, Any]:
    """Scores of one sequence of MOT15, written to files."""
    sequence = work / 'MOT15-train' / 's'
    (sequence / 'gt').mkdir(parents=True)
    (sequence / 'seqinfo.ini').write_text(f'[Sequence]\nseqLength={case["length"]}\n')
    for path, rows in ((sequence / 'gt' / 'gt.txt', case['gt']), (work / 's.txt', case['tracker'])):
        path.write_text('\n'.join(','.join(map(str, row)) for row in rows))
    scored = MOTBenchmark(sequence.parent, work, protocol='official').score(0)
    if scored.partial is None:
        return {'error': str(scored.problems[0])}
    return _scores(scored.partial, case['length'])


def _scores(counts: SequenceCounts, num_frames: int | None) -> dict[str, Any]:
    """The scores under the recorded names; without a number of frames of all sequences."""
    scores = counts.scores(of_video=num_frames is not None)
    curves = scores['HOTA']
    return {
        **scores,
        'HOTA': {name: float(np.mean(values)) for name, values in curves.items()},
        'HOTA_per_alpha': curves,
        'Count': {**scores['Count'], 'Frames': num_frames},
    }
