"""Read the inputs of the golden instance scores (tests/data/golden/metrics/{aviseg,avtrack})."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np

from avis.evaluation.functional.overlap import TrackMasks, VideoOverlap
from avis.structures.masks import to_rle

GOLDEN = Path(__file__).parents[2] / 'data' / 'golden' / 'metrics'
EXACT = {'rtol': 0, 'atol': 1e-9}


def read_json(path: Path) -> Any:
    """Read a JSON file, gzipped or not."""
    text = gzip.decompress(path.read_bytes()) if path.suffix == '.gz' else path.read_bytes()
    return json.loads(text)


def aviseg_videos(case: str) -> dict[str, VideoOverlap]:
    """The videos of one AVISeg case by name."""
    truth = read_json(GOLDEN / 'aviseg' / case / 'gt.json.gz')
    results = read_json(GOLDEN / 'aviseg' / case / 'results.json.gz')
    videos = {}
    for video in truth['videos']:
        size = (video['height'], video['width'])
        annotations = [a for a in truth['annotations'] if a['video_id'] == video['id']]
        tracks = [r for r in results if r['video_id'] == video['id']]
        sizes = [[area for area in a['areas'] if area] for a in annotations]
        videos[video['file_names'][0].split('/')[0]] = VideoOverlap.from_rles(
            TrackMasks(
                [_rles(a, size) for a in annotations],
                labels=[a['category_id'] for a in annotations],
                ids=[a['id'] for a in annotations],
                crowd=[a['iscrowd'] for a in annotations],
                sizes=[np.mean(areas) if areas else 0 for areas in sizes],
            ),
            TrackMasks(
                [_rles(r, size) for r in tracks],
                labels=[r['category_id'] for r in tracks],
                scores=[r['score'] for r in tracks],
            ),
            size=size,
            num_frames=len(video['file_names']),
        )
    return videos


def _rles(track: dict, size: tuple[int, int]) -> list:
    return [None if seg is None else to_rle(seg, *size) for seg in track['segmentations']]


def compare(got: dict[str, Any], expected: dict[str, Any], where: str) -> None:
    """Every number of ``expected`` within 1e-9."""
    for name, value in expected.items():
        want = np.array(value, float)  # null becomes nan
        np.testing.assert_allclose(
            np.asarray(got[name], float), want, **EXACT, err_msg=f'{where} {name}'
        )
