"""AVISeg: gt.json.gz and results.json.gz, in the folder or in one folder per case."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from avis.apis import evaluate
from avis.evaluation.functional.hota import ALPHAS
from tests.golden_metrics.comparison import read_expected, read_json

TOLERANCES = {'*': 1e-9}
SKIPPED = {
    '*iou_thresholds_trackmap': 'a constant of the reference',
    '*full/inactive_class_example*': 'the details have the classes with a mask only',
    '*/Count/Frames': 'describes the input',
}


def compute(folder: Path, work: Path) -> dict[str, Any]:
    """All scores of every case, through ``evaluate`` and the files it writes."""
    return _of_cases(folder, lambda case: _case(case, work))


def expected(folder: Path) -> dict[str, Any]:
    """The recorded values of every case."""
    return _of_cases(folder, _recorded)


def _of_cases(folder: Path, call: Any) -> dict[str, Any]:
    if (folder / 'gt.json.gz').is_file():
        return call(folder)
    return {path.parent.name: call(path.parent) for path in sorted(folder.glob('*/gt.json.gz'))}


def _recorded(case: Path) -> dict[str, Any]:
    values = read_expected(case)
    values['active_classes'] = sorted(values['active_classes'])
    return values


def _case(case: Path, work: Path) -> dict[str, Any]:
    results = {}
    for protocol in ('official', 'corrected'):
        files = case / 'gt.json.gz', case / 'results.json.gz'
        results[protocol] = evaluate('aviseg', *files, protocol=protocol, full=True, out=work)
        # What is written is what is returned: JSON keeps all digits.
        results[protocol]['details'] = read_json(work / 'metrics.json')['details']
    official, corrected = results['official'], results['corrected']
    details, summary = official['details'], official['summary']
    errors = {p.video: p.message for p in official['problems'] if p.kind == 'official_stop'}
    rounded = {key: round(value, 2) for key, value in summary.items()}
    intended = _named(corrected['details']['fsla'], '{}_tp', '{}_all')
    scores = {key: value for key, value in corrected['summary'].items() if key.startswith('FA')}
    return {
        'alphas_hota_fsla': ALPHAS,
        'num_classes': len(read_json(case / 'gt.json.gz')['categories']),
        'active_classes': sorted(details['per_class']),
        'official_summary': {'error': next(iter(errors.values()))} if errors else rounded,
        'summary_full_precision': summary,
        'class_averaged': details['class_averaged'],
        'det_averaged': details['det_averaged'],
        'fsla': {'error_per_video': errors} if errors else details['fsla'],
        'fsla_intended': {**intended, 'summary': scores},
        'full': {
            'per_class': details['per_class'],
            'per_video': {
                name: _video(video, corrected['details']['per_video'][name], errors.get(name))
                for name, video in details['per_video'].items()
            },
        },
    }


def _video(
    official: Mapping[str, Any], corrected: Mapping[str, Any], error: str | None
) -> dict[str, Any]:
    fsla = {'error': error}
    if error is None:
        fsla = _named(official['fsla'], 'frame_num_{}_tp', 'frame_num_{}_all')
    intended = _named(corrected['fsla'], '{}_tp', '{}_all')
    return {'classes': official['classes'], 'fsla': fsla, 'fsla_intended': intended}


def _named(fsla: Mapping[str, Any], correct: str, frames: str) -> dict[str, Any]:
    """FSLA with the names that the reference has for correct and all frames of each kind."""
    named = dict(fsla)
    for kind in 'nsm':
        named[correct.format(kind)] = fsla[f'FA{kind}_count']
        named[frames.format(kind)] = fsla[f'FA{kind}_all']
    return named
