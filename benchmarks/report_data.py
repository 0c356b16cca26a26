"""Results of an evaluation for report_browser.py: synthetic people who talk, and two methods.

Frames are rows of a few pixels, one person each, and videos repeat after fifty, so that thousands
are made in seconds. Scores, errors and timelines are computed by the scorers of avis; only the
shares of the components, which need eight times the work, are fixed.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from avis.evaluation.benchmarks.report import METRICS_FILE, encode_json
from avis.evaluation.benchmarks.timeline_file import TIMELINES_FILE
from avis.evaluation.functional.avtrack import AVTrackCounts, score_avtrack
from avis.evaluation.functional.bootstrap import draw_videos, percentile_interval
from avis.evaluation.functional.error_kinds import ErrorCounts, count_errors
from avis.evaluation.functional.oracles import pair_masks
from avis.evaluation.functional.overlap import VideoOverlap
from avis.evaluation.functional.timeline import Timeline, build_timeline

FRAMES = 250
FPS = 25
WIDTH = 6  # pixels of a person
DISTINCT = 50  # different videos
METHODS = {'ours': 0.15, 'baseline': 0.35}  # how often each is wrong
CONDITIONS = ('off-screen speaker', 'overlapping speech', 'occlusion', 'camera cut', 'crowd')
GENRES = ('interview', 'sport', 'news', 'vlog')
HEADLINE = ['HOTA', 'DetA', 'AssA', 'IDF1', 'MOTA']
HOSTILE = '<script>document.title="broken"</script><img src=x onerror=alert(1)> & "quotes"'

Image = NDArray[np.int64]


def write_results(folder: Path, num_videos: int) -> None:
    """Write ``metrics.json`` and ``timelines.json`` as ``evaluate`` does for two methods."""
    names = [f'talk_{index:04d}' for index in range(num_videos - 1)] + [HOSTILE]
    runs, timelines = [], {}
    attributes = dict(zip(names, _attributes(len(names)), strict=True))
    for method, errors in METHODS.items():
        distinct = [_score(index, errors) for index in range(min(num_videos, DISTINCT))]
        scored = [
            (replace(distinct[index % DISTINCT][0], name=name), *distinct[index % DISTINCT][1:])
            for index, name in enumerate(names)
        ]
        runs.append({'name': method, **_describe(scored, attributes, errors)})
        videos = {score.name: timeline for score, timeline, _ in scored}
        timelines[method] = {'classes': {}, 'videos': videos}
    comparison = _compare(runs[0], runs[1])
    folder.mkdir(parents=True, exist_ok=True)
    result = {**runs[0], 'others': [{**runs[1], 'comparison': comparison}]}
    (folder / METRICS_FILE).write_bytes(encode_json(result))
    content = {'version': 1, 'methods': timelines}
    packed = msgspec.json.encode(content, enc_hook=lambda runs: runs.tolist())
    (folder / TIMELINES_FILE).write_bytes(packed)


def _attributes(number: int) -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(0)
    for _ in range(number):
        yield {
            'conditions': [name for name in CONDITIONS if rng.random() < 0.3],
            'genre': str(rng.choice(GENRES)),
            'fps': FPS,
            'length': FRAMES,
        }


def _score(index: int, errors: float) -> tuple[AVTrackCounts, Timeline, ErrorCounts]:
    rng = np.random.default_rng([index, round(1000 * errors)])
    gt = _speech(np.random.default_rng(index))
    pred = _predict(gt, rng, errors * rng.uniform(0.2, 2))
    frames = zip(gt[:, None], pred[:, None], strict=True)
    video = VideoOverlap.from_label_maps(frames, size=(1, gt.shape[1]))
    match = pair_masks(video)
    score = score_avtrack(video, name='', protocol='corrected')
    return score, build_timeline(video, match), count_errors(video, match)


def _speech(rng: np.random.Generator) -> Image:
    """Three to six people who talk for a while each, (T, pixels)."""
    people = int(rng.integers(3, 7))
    image = np.zeros((FRAMES, people * WIDTH), np.int64)
    for person in range(people):
        for _ in range(int(rng.integers(1, 5))):
            start = int(rng.integers(FRAMES - 20))
            end = start + int(rng.integers(15, 90))
            image[start:end, person * WIDTH : (person + 1) * WIDTH] = person + 1
    return image


def _predict(gt: Image, rng: np.random.Generator, errors: float) -> Image:
    """A prediction that is shifted, narrow, swapped and missing in places."""
    pred = np.roll(gt, int(rng.integers(-6, 7) * errors * 3), axis=0)
    people = int(gt.max())
    for _ in range(rng.poisson(12 * errors)):
        start = int(rng.integers(FRAMES - 30))
        part = pred[start : start + int(rng.integers(5, 60))]
        first, second = rng.integers(1, people + 1, 2)
        kind = rng.integers(4)
        if kind == 0:
            part[part == first] = 0  # missed
        elif kind == 1:
            part[:, (first - 1) * WIDTH : first * WIDTH] = first  # ghost
        elif kind == 2:
            part[:] = np.where(
                part == first, second, np.where(part == second, first, part)
            )  # swapped
        else:
            part[:, (first - 1) * WIDTH : first * WIDTH - 3] = 0  # narrow
    return pred


def _describe(
    scored: list[tuple[AVTrackCounts, Timeline, ErrorCounts]],
    attributes: dict[str, dict[str, Any]],
    errors: float,
) -> dict[str, Any]:
    """One prediction of ``metrics.json``."""
    values = {key: np.array([s.summary[key] for s, _, _ in scored]) for key in HEADLINE}
    draws = draw_videos(len(scored))
    curves = {
        key: np.mean([score.details['HOTA'][key] for score, _, _ in scored], axis=0)
        for key in ('HOTA', 'DetA', 'AssA')
    }
    score = float(values['HOTA'].mean())
    parts = np.array([0.5, 0.2, 0.3]) * (100 - score)
    share = dict(zip(('who', 'where', 'same'), parts.tolist(), strict=True))
    return {
        'benchmark': 'avtrack',
        'protocol': 'corrected',
        'unit': 'percent',
        'pred': f'predictions, errors {errors}',
        'headline': HEADLINE,
        'summary': {key: float(column.mean()) for key, column in values.items()},
        'intervals': {k: percentile_interval(v[draws].mean(axis=1)) for k, v in values.items()},
        'num_videos': len(scored),
        'skipped': [],
        'unpredicted': [],
        'problem_counts': {},
        'per_video': {s.name: dict(s.summary) for s, _, _ in scored},
        'attributes': attributes,
        'details': {'HOTA': curves},
        'diagnosis': {
            'metrics': {'HOTA': {'score': score, 'share': share}},
            'errors': vars(ErrorCounts.total(found for _, _, found in scored)),
        },
        'versions': {'avis': 'synthetic'},
    }


def _compare(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    rows = {}
    draws = draw_videos(first['num_videos'])
    for key in HEADLINE:
        scores = [[video[key] for video in run['per_video'].values()] for run in (first, second)]
        difference = np.subtract(scores[1], scores[0])
        interval = percentile_interval(difference[draws].mean(axis=1))
        mean = float(difference.mean())
        rows[key] = {'difference': mean, 'interval': interval, 'p_value': 0.002}
    return rows
