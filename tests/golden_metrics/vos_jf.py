"""J&F of video object segmentation: annotations and results in ``case.zip``."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from avis.evaluation.functional.davis import (
    VOID,
    ObjectScores,
    frame_statistics,
    jaccard,
    pool_objects,
    score_sequence,
)
from avis.evaluation.functional.region_boundary import boundary_f
from tests.golden_metrics.comparison import read_expected

TOLERANCES = {'*': 1e-9}
SKIPPED = {'statistics/values': 'describes the input', 'sequences': 'describes the input'}
_TASKS = {'semi-supervised': 'Annotations', 'unsupervised': 'Annotations_unsupervised'}


def compute(folder: Path, work: Path) -> dict[str, Any]:
    """Scores of both tasks, of every frame, and the statistics of given values."""
    recorded = read_expected(folder)
    with zipfile.ZipFile(folder / 'case.zip') as archive:
        case = _Case(archive)
        scores: dict[str, Any] = {
            name: case.score(name, 'official') for name in ('semi-supervised', 'unsupervised')
        }
        scores['intended_semi-supervised'] = case.intended()
        scores['semi-supervised_index_too_high'] = case.score_too_high()
        scores['per_frame'] = {
            name: {number: case.per_frame(name, int(number)) for number in objects}
            for name, objects in recorded['per_frame'].items()
        }
    cases = [_statistics(case['frames']) for case in recorded['statistics']['cases']]
    return scores | {'statistics': {'cases': cases}}


def expected(folder: Path) -> dict[str, Any]:
    """The recorded values."""
    return read_expected(folder)


class _Case:
    """The sequences of an archive."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        self.names = sorted(archive.namelist())
        (listed,) = (name for name in self.names if name.startswith('ImageSets/'))
        self.sequences = archive.read(listed).decode().split()

    def read(self, path: str) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(self.archive.read(path))))

    def frames(self, name: str, task: str) -> list[tuple[np.ndarray, np.ndarray]]:
        prefix = f'{_TASKS[task]}/480p/{name}/'
        files = [path for path in self.names if path.startswith(prefix) and path.endswith('.png')]
        return [
            (self.read(path), self.read(f'res_{task}/{name}/{path.removeprefix(prefix)}'))
            for path in files
        ]

    def videos(self, task: str, protocol: Any) -> dict[str, dict[int, ObjectScores]]:
        videos = {}
        for name in self.sequences:
            frames = self.frames(name, task)
            videos[name] = score_sequence(
                frames,
                num_frames=len(frames),
                task='unsupervised' if task == 'unsupervised' else 'semi_supervised',
                protocol=protocol,
            )
        return videos

    def score(self, task: str, protocol: Any) -> dict[str, Any]:
        videos = self.videos(task, protocol)
        return {
            'per_object': {
                f'{name}_{number}': scores.summary(protocol=protocol)
                for name, video in videos.items()
                for number, scores in video.items()
            },
            'global': pool_objects(videos, protocol=protocol),
        }

    def intended(self) -> dict[str, Any]:
        scores = self.score('semi-supervised', 'corrected')
        return {'per_object': scores['per_object'], **scores['global']}

    def score_too_high(self) -> dict[str, str]:
        """An output whose index is above the number of objects."""
        name = self.sequences[0]
        frames = self.frames(name, 'semi-supervised')
        gt, pred = frames[1]
        frames[1] = gt, np.full_like(pred, 200)
        try:
            score_sequence(frames, num_frames=len(frames))
        except ValueError as error:
            return {'error': str(error)}
        return {}

    def per_frame(self, name: str, number: int) -> dict[str, list[float]]:
        frames = [
            (gt == number, pred == number, gt == VOID)
            for gt, pred in self.frames(name, 'semi-supervised')
        ]
        values: dict[str, list[float]] = {'J': [], 'F': [], 'J_void': [], 'F_void': []}
        for gt, pred, void in frames:
            for suffix, known in (('', np.ones_like(void)), ('_void', ~void)):
                values[f'J{suffix}'].append(jaccard(pred & known, gt & known))
                values[f'F{suffix}'].append(boundary_f(pred & known, gt & known))
        return values


def _statistics(frames: int) -> dict[str, Any]:
    values = np.array([index * 7 % (frames + 3) for index in range(frames)]) / (frames + 3)
    decay = frame_statistics(values, protocol='corrected')['decay']
    return {'frames': frames, **frame_statistics(values), 'intended_decay': decay}
