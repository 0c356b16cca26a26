"""AVTrack: a data set with predictions in case.zip, through ``evaluate``."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from avis.apis import evaluate
from tests.golden_metrics.comparison import read_expected, read_json

TOLERANCES = {'*': 1e-9}
SKIPPED = {
    'per_video/*/status': 'a word of the reference',
    'per_video/*message': 'text of an error',
}
_SUMMARY = ('HOTA', 'DetA', 'AssA', 'IDF1', 'MOTA')
_REGION = ('J-Mean', 'F-Mean', 'J&F-Mean')
_COUNTS = {
    'num_gt_dets': 'GT_Dets',
    'num_tracker_dets': 'Dets',
    'num_gt_ids': 'GT_IDs',
    'num_tracker_ids': 'IDs',
}


def compute(folder: Path, work: Path) -> dict[str, Any]:
    """All scores, through ``evaluate`` and the files it writes."""
    with zipfile.ZipFile(folder / 'case.zip') as archive:
        archive.extractall(work / 'case')
    plain, region, corrected = (
        _evaluate(work, **options)
        for options in ({'with_jf': False}, {'with_jf': True}, {'protocol': 'corrected'})
    )
    stops = [p.message for p in region['problems'] if p.kind == 'official_stop']
    clamped = {
        key: float(np.mean([max(0.0, video[key]) for video in corrected['per_video'].values()]))
        for key in _SUMMARY
    }
    names = [*plain['per_video'], *plain['skipped']]
    return {
        'official_mean': plain['summary'],
        'official_mean_with_jf_enabled': {'error': stops[0]} if stops else region['summary'],
        'num_videos_in_mean': plain['num_videos'],
        'skipped_no_gt': plain['skipped'],
        'intended_mean_unclamped': corrected['summary'],
        'intended_mean_clamped': clamped,
        'per_video': {name: _video(name, plain, region, corrected) for name in names},
        'full': {name: _details(region['details']['per_video'].get(name, {})) for name in names},
    }


def expected(folder: Path) -> dict[str, Any]:
    """The recorded values."""
    return read_expected(folder)


def _evaluate(work: Path, **options: Any) -> dict[str, Any]:
    case = work / 'case'
    result = evaluate('avtrack', case, case / 'pred', full=True, out=work / 'out', **options)
    written = read_json(work / 'out' / 'metrics.json')
    return {**result, 'per_video': written['per_video'], 'details': written['details']}


def _video(
    name: str, plain: Mapping[str, Any], region: Mapping[str, Any], corrected: Mapping[str, Any]
) -> dict[str, Any]:
    if name not in plain['per_video']:
        return {'official': None, 'intended': None}
    video: dict[str, Any] = {
        'official': _fields(plain['per_video'][name], _SUMMARY),
        'official_with_jf': _fields(region['per_video'][name], (*_SUMMARY, *_REGION)),
    }
    details = plain['details']['per_video'][name]
    if 'CLEAR' in details:
        video['official_unclamped_MOTA'] = 100 * details['CLEAR']['MOTA']
    row = corrected['per_video'][name]
    counts = {key: row[field] for key, field in _COUNTS.items() if field in row}
    failed = {'error': row['failure']}
    fields = {**_fields(row, (*_SUMMARY, *_REGION)), **counts}
    return {**video, 'intended': failed if row['failure'] else fields}


def _fields(row: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: row[name] for name in names if name in row}


def _details(fields: Mapping[str, Any]) -> dict[str, Any]:
    metrics = {name: values for name, values in fields.items() if name != 'JAndF'}
    return {'official_detail': metrics, 'official_jf_detail': fields.get('JAndF', {})}
