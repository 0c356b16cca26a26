"""Random odd annotation and result files: official scores equal those of the evaluators, or none.

    python -m tests.helpers.odd_vis_files --count 600 --seed 0

Each pair of files is valid but for one or two changes, most of which people have made by mistake. A
score is compared with TrackEval, from which the evaluator of AVISeg derives, and with
:mod:`tests.helpers.youtube_vis_reference`; a refusal must be a ValueError that names the file.
"""

import argparse
import collections
import contextlib
import json
import math
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avis.apis import evaluate
from tests.evaluation.benchmarks.test_against_trackeval import (
    METRICS,
    SIZE,
    fields_of,
    write_random_aviseg,
)
from tests.helpers import youtube_vis_reference
from tests.helpers.instance_goldens import compare
from tests.helpers.trackeval_results import trackeval_aviseg

Change = Callable[[np.random.Generator, dict, list], None]
WRONG = ('0', None, 72, math.nan, math.inf, -1, 0, 1.5, True, [], {}, 2**70, '')


def _pick(rng: np.random.Generator, values: list) -> Any:
    return values[int(rng.integers(len(values)))] if values else None


def _wrong_field(rng: np.random.Generator, gt: dict, results: list) -> None:
    lists = [gt['videos'], gt['annotations'], gt['categories'], results]
    entry = _pick(rng, _pick(rng, lists))
    if entry:
        entry[_pick(rng, sorted(entry))] = _pick(rng, list(WRONG))


def _missing_field(rng: np.random.Generator, gt: dict, results: list) -> None:
    entry = _pick(rng, _pick(rng, [gt['videos'], gt['annotations'], results]))
    if entry:
        # TrackEval fails without these, avis has defaults.
        keys = sorted(set(entry) - {'iscrowd', 'areas', 'height', 'width', 'length'})
        entry.pop(_pick(rng, keys))


def _wrong_list(rng: np.random.Generator, gt: dict, results: list) -> None:
    gt[_pick(rng, ['videos', 'annotations', 'categories'])] = _pick(rng, [None, 5, {}, 'x', [None]])


def _wrong_mask(rng: np.random.Generator, gt: dict, results: list) -> None:
    track = _pick(rng, [*gt['annotations'], *results])
    if not track or not track['segmentations']:
        return
    masks, index = track['segmentations'], int(rng.integers(len(track['segmentations'])))
    pixels = SIZE[0] * SIZE[1]
    masks[index] = _pick(
        rng,
        [
            {'size': [SIZE[1], SIZE[0]], 'counts': [pixels]},
            {'size': list(SIZE), 'counts': [pixels - 1]},
            {'size': list(SIZE), 'counts': [pixels, 5]},
            {'size': list(SIZE), 'counts': [-5, pixels + 5]},
            {'size': list(SIZE), 'counts': [2**40]},
            {'size': list(SIZE), 'counts': 'P' * int(rng.integers(1, 9))},
            {'size': list(SIZE), 'counts': '\u00e9'},
            {'size': list(SIZE)},
            {'counts': [pixels]},
            [[1.0, 1.0, 1e9, 2.0, 3.0, 9.0]],
            [[1.0, 1.0, math.nan, 2.0, 3.0, 9.0]],
            [[1, 1, 5, 5]],
            72,
            'x',
        ],
    )


def _cut_mask(rng: np.random.Generator, gt: dict, results: list) -> None:
    masks = [m for track in results for m in track['segmentations'] if m]
    mask = _pick(rng, masks)
    if mask:
        cut = int(rng.integers(1, 4))
        mask['counts'] = _pick(rng, [mask['counts'][:-cut], mask['counts'] * 2, mask['counts'][1:]])


def _empty_runs(rng: np.random.Generator, gt: dict, results: list) -> None:
    for track in gt['annotations']:
        for mask in track['segmentations']:
            if mask and isinstance(mask['counts'], list) and mask['counts'][0] > 3:
                first, *rest = mask['counts']
                mask['counts'] = [2, 0, first - 2, *rest]


def _restart_ids(rng: np.random.Generator, gt: dict, results: list) -> None:
    first = int(rng.integers(2))
    counts: collections.Counter = collections.Counter()
    for track in gt['annotations']:
        track['id'] = first + counts[track['video_id']]
        counts[track['video_id']] += 1


def _id_zero(rng: np.random.Generator, gt: dict, results: list) -> None:
    for track in gt['annotations']:
        track['id'] -= 1


def _same_id(rng: np.random.Generator, gt: dict, results: list) -> None:
    one, other = _pick(rng, gt['annotations']), _pick(rng, gt['annotations'])
    if one:
        one['id'] = other['id']


def _more_frames(rng: np.random.Generator, gt: dict, results: list) -> None:
    track = _pick(rng, _pick(rng, [gt['annotations'], results]))
    if track:
        more = track['segmentations'][-1:] if rng.random() < 0.5 else [None]
        track['segmentations'] = track['segmentations'] + more


def _fewer_frames(rng: np.random.Generator, gt: dict, results: list) -> None:
    track = _pick(rng, _pick(rng, [gt['annotations'], results]))
    if track:
        track['segmentations'] = track['segmentations'][:-1]


def _odd_scores(rng: np.random.Generator, gt: dict, results: list) -> None:
    for track in results:
        track['score'] = _pick(rng, [0, 1, -3.5, 1e300, 0.5])


def _unknown_ids(rng: np.random.Generator, gt: dict, results: list) -> None:
    track = _pick(rng, results)
    if track:
        track['category_id'] = 99
    track = _pick(rng, gt['annotations'])
    if track:
        track['category_id'] = 99


def _same_category(rng: np.random.Generator, gt: dict, results: list) -> None:
    key = _pick(rng, ['id', 'name'])
    gt['categories'][-1][key] = gt['categories'][0][key]


def _copies(rng: np.random.Generator, gt: dict, results: list) -> None:
    if results:
        results += [dict(_pick(rng, results)) for _ in range(3)]


def _lone_videos(rng: np.random.Generator, gt: dict, results: list) -> None:
    number = _pick(rng, gt['videos'])['id']
    gt['annotations'] = [t for t in gt['annotations'] if t['video_id'] != number]


def _boxes(rng: np.random.Generator, gt: dict, results: list) -> None:
    for track in gt['annotations']:
        track['bboxes'] = [_pick(rng, [None, [1, 2, 3, 4]]) for _ in track['segmentations']]
    if gt['annotations'] and rng.random() < 0.5:
        gt['annotations'][0]['bboxes'] = _pick(rng, [None, [[1, 2, 3]], [[0, 0, 1e9, 1]], ['x']])


CHANGES: tuple[Change, ...] = (
    _wrong_field,
    _wrong_field,
    _missing_field,
    _wrong_list,
    _wrong_mask,
    _wrong_mask,
    _cut_mask,
    _empty_runs,
    _restart_ids,
    _restart_ids,
    _id_zero,
    _id_zero,
    _same_id,
    _more_frames,
    _fewer_frames,
    _odd_scores,
    _unknown_ids,
    _same_category,
    _copies,
    _lone_videos,
    _boxes,
)


def _spoil_text(rng: np.random.Generator, text: str) -> str:
    """Damage the text of a file."""
    at = int(rng.integers(len(text)))
    keys = [key for key in ('"id"', '"score"', '"size"', '"video_id"', '"videos"') if key in text]
    key = _pick(rng, keys) or '['
    return str(
        _pick(
            rng,
            [
                text[:at],
                'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n',
                '<!DOCTYPE html><html></html>',
                '',
                '{}',
                text.replace(key, f'{key}: 1, {key}', 1),
                text[:at] + '\x00' + text[at:],
            ],
        )
    )


def check_one(folder: Path, seed: int) -> str:
    """Write and score a pair of files; return what happened to each evaluator.

    Raises:
        AssertionError: A score differs, or an error is no ValueError that names the file.
    """
    gt_path, pred_path = write_random_aviseg(folder, seed)
    rng = np.random.default_rng([seed, 1])
    gt, results = json.loads(gt_path.read_text()), json.loads(pred_path.read_text())
    for _ in range(int(rng.integers(1, 3))):
        # The first change may have broken what the second one expects.
        with contextlib.suppress(AttributeError, IndexError, KeyError, TypeError, ValueError):
            _pick(rng, list(CHANGES))(rng, gt, results)
    gt_path.write_text(json.dumps(gt))
    pred_path.write_text(json.dumps(results))
    if rng.random() < 0.1:
        path = _pick(rng, [gt_path, pred_path])
        path.write_text(_spoil_text(rng, path.read_text()))
    outcomes = [_check(kind, gt_path, pred_path) for kind in ('aviseg', 'youtube_vis')]
    for protocol_kind in ('aviseg', 'youtube_vis'):
        _evaluate(protocol_kind, gt_path, pred_path, 'corrected')
    return ' '.join(outcomes)


def _evaluate(kind: str, gt: Path, pred: Path, protocol: str) -> dict[str, Any] | None:
    """The result; None if the files are refused."""
    try:
        return evaluate(kind, gt, pred, protocol=protocol, full=True)  # type: ignore[arg-type]
    except ValueError as error:
        if str(gt) not in str(error) and str(pred) not in str(error):
            raise AssertionError(f'the error names no file: {error}') from error
        return None


def _check(kind: str, gt: Path, pred: Path) -> str:
    ours = _evaluate(kind, gt, pred, 'official')
    if ours is None:
        return 'refused'
    if kind == 'youtube_vis':
        expected = youtube_vis_reference.score(
            json.loads(gt.read_text()), json.loads(pred.read_text())
        )
        assert ours['summary'] == pytest.approx(expected, abs=1e-6, nan_ok=True)
        return 'equal'
    combined = trackeval_aviseg(gt.parents[2])['COMBINED_SEQ']
    for own, key in (('class_averaged', 'cls_comb_cls_av'), ('det_averaged', 'cls_comb_det_av')):
        for metric in (*METRICS, 'TrackMAP'):
            wanted = fields_of(combined[key][metric])
            compare(ours['details'][own][metric], wanted, f'{own} {metric}')
    return 'equal'


def main() -> None:
    """Check many pairs and count what happened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--count', type=int, default=600)
    parser.add_argument('--seed', type=int, default=0, help='of the first pair')
    args = parser.parse_args()
    counts: collections.Counter = collections.Counter()
    for seed in range(args.seed, args.seed + args.count):
        with tempfile.TemporaryDirectory() as folder:
            try:
                counts[check_one(Path(folder), seed)] += 1
            except Exception as error:
                counts['different'] += 1
                text = f'{type(error).__name__}: {error}'
                sys.stdout.write(f'seed {seed}: {text[:600]}\n')
    sys.stdout.write(f'aviseg youtube_vis: {dict(counts)}\n')
    raise SystemExit(counts['different'] > 0)


if __name__ == '__main__':
    main()
