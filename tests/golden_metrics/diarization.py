"""Diarization: cases with ref.rttm, sys.rttm and all.uem, through ``evaluate``."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from avis.apis import evaluate
from avis.evaluation.functional.diarization import Turn, count_diarization, score_diarization
from avis.utils.rttm import parse_rttm, parse_uem
from tests.golden_metrics.comparison import read_expected

# Reference scorers print percent with 9 digits, and md-eval seconds with 2 or 3.
TOLERANCES = {
    '*/dscore*': 1e-4,
    '*/ava_avd/*': 1e-4,
    '*/md_eval_seconds/*': 6e-3,
    '*': 1e-6,
}
SKIPPED = {
    '*/intended/what': 'a description',
    **{f'*/dscore*/{name}*': 'no diarization error' for name in ('B3_', 'GKT_', 'H_', 'MI', 'NMI')},
}
_PARTS = {
    'total': 'total',
    'missed_detection': 'missed',
    'confusion': 'confusion',
    'correct': 'correct',
    'false_alarm': 'false_alarm',
}
_SECONDS = {
    'scored_speaker': 'total',
    'missed': 'missed',
    'false_alarm': 'false_alarm',
    'speaker_error': 'confusion',
}
_AVA_AVD = {'der': 'DER', 'ms': 'missed', 'fa': 'false_alarm', 'es': 'confusion', 'jer': 'JER'}


def compute(folder: Path, work: Path) -> dict[str, Any]:
    """The error rates of every case with the rules of each scorer."""
    return {name: _case(folder / name, case) for name, case in expected(folder).items()}


def expected(folder: Path) -> dict[str, Any]:
    """The recorded values of the cases."""
    recorded = read_expected(folder)
    return {name: case for name, case in recorded.items() if (folder / name).is_dir()}


def _case(folder: Path, recorded: Mapping[str, Any]) -> dict[str, Any]:
    case: dict[str, Any] = defaultdict(dict)
    scorers = (('pyannote', {'scorer': 'pyannote'}), ('intended', {'protocol': 'corrected'}))
    for name, options in scorers:
        for key, collar, skip in _settings(recorded[name]):
            # Of pyannote: the width of both sides.
            result = _evaluate(folder, collar=collar / 2, skip_overlap=skip, **options)
            case[name][key] = _like_pyannote(result)
        jaccard = _evaluate(folder, **options)
        case[name]['jaccard'] = {
            'per_file': {key: value['JER'] / 100 for key, value in jaccard['per_video'].items()},
            'overall': jaccard['summary']['JER'] / 100,
        }
    case['pyannote']['detection'] = _detection(folder)
    for key, collar, skip in _settings(recorded['dscore']):
        # Of dscore and md-eval: the width of each side.
        options = {'collar': collar, 'skip_overlap': skip}
        case['dscore'][key] = _like_dscore(_evaluate(folder, **options))
        seconds = _evaluate(folder, **options, scorer='md_eval')
        case['md_eval_seconds'][key] = _like_md_eval(seconds)
    case['dscore_without_uem'] = _like_dscore(_evaluate(folder, uem=None))
    avd = _evaluate(folder, uem=None, collar=0.25)
    rows = {**avd['per_video'], '*** OVERALL ***': avd['summary']}
    case['ava_avd'] = {
        name: {key: row[field] for key, field in _AVA_AVD.items()} for name, row in rows.items()
    }
    return dict(case)


def _settings(recorded: Mapping[str, Any]) -> list[tuple[str, float, bool]]:
    """Key, collar and whether overlapping speech is left out, such as collar_0.25_with_overlap."""
    keys = [key for key in recorded if key.startswith('collar_')]
    return [(key, float(key.split('_')[1]), not key.endswith('with_overlap')) for key in keys]


def _evaluate(folder: Path, **options: Any) -> dict[str, Any]:
    files = folder / 'ref.rttm', folder / 'sys.rttm'
    options = {'uem': folder / 'all.uem', **options}
    return evaluate('diarization', *files, full=True, **options)


def _like_pyannote(result: Mapping[str, Any]) -> dict[str, Any]:
    files = {}
    for name, row in result['per_video'].items():
        seconds = result['details']['per_video'][name]
        files[name] = {key: seconds[field] for key, field in _PARTS.items()}
        files[name]['diarization_error_rate'] = row['DER'] / 100
    return {'per_file': files, 'overall': result['summary']['DER'] / 100}


def _like_dscore(result: Mapping[str, Any]) -> dict[str, Any]:
    rows = {**result['per_video'], 'OVERALL': result['summary']}
    return {name: {key: row[key] for key in ('DER', 'JER')} for name, row in rows.items()}


def _like_md_eval(result: Mapping[str, Any]) -> dict[str, Any]:
    """Seconds of each recording with reference speech, and their sums."""
    found = result['details']['per_video']
    rows = {
        name: {key: seconds[field] for key, field in _SECONDS.items()}
        for name, seconds in found.items()
        if seconds['speakers']
    }
    rows['ALL'] = {key: sum(row[key] for row in rows.values()) for key in _SECONDS}
    return rows


def _detection(folder: Path) -> dict[str, Any]:
    """Error rate of speech against silence: all speakers are one."""
    regions = parse_uem((folder / 'all.uem').read_text())
    sides = [_speech(folder / name) for name in ('ref.rttm', 'sys.rttm')]
    counts = {
        name: count_diarization(*(side.get(name, []) for side in sides), region=region)
        for name, region in regions.items()
    }
    return {
        'per_file': {
            name: score_diarization([count])['DER'] / 100 for name, count in counts.items()
        },
        'overall': score_diarization(list(counts.values()))['DER'] / 100,
    }


def _speech(path: Path) -> dict[str, list[Turn]]:
    turns: dict[str, list[Turn]] = defaultdict(list)
    for recording, start, end, _ in parse_rttm(path.read_text()):
        turns[recording].append((start, end, 'speech'))
    return turns
