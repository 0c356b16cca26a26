"""Answers that need neither frames nor audio, scored by the evaluator of a test config.

Sound localization, Ref-AVS and sentences have them in their metrics; here are those of masks of
what sounds, of tracks, and of faces. An answer adds its prediction to all samples of a test set.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from mmengine.structures import InstanceData, PixelData

from avis.evaluation.functional.trivial import trivial_masks
from avis.structures.av_data_sample import AVDataSample
from avis.structures.labels import AVSS_CLASSES
from avis.structures.mask_track import MaskTrack

Samples = Sequence[AVDataSample]
Answer = Callable[[Samples], None]
PERSON = 0  # class of AVISeg and AVTrack
MAN = AVSS_CLASSES.index('man')  # no other class of the synthetic clips of AVSS is more frequent
SILENCE = 'silence'


def _mask(name: str, height: int, width: int) -> Any:
    return {**trivial_masks(height, width), SILENCE: np.zeros((height, width), bool)}[name]


def segment(name: str, samples: Samples, *, label: int = 1) -> None:
    """Predict the same mask in all frames, as a label map and as a probability."""
    for sample in samples:
        shape = sample.gt_sem_seg.sem_seg.shape
        mask = torch.from_numpy(_mask(name, *shape[1:])).expand(shape)
        sample.pred_sem_seg = PixelData(sem_seg=label * mask.byte(), prob=mask.float())


def track(name: str, samples: Samples) -> None:
    """Predict one person with the same mask in all frames, or nobody."""
    for sample in samples:
        height, width = sample.ori_shape
        masks = np.repeat(_mask(name, height, width)[None], len(sample.frame_ids), axis=0)
        tracks = [] if name == SILENCE else [MaskTrack.from_dense(masks)]
        sample.pred_tracks = InstanceData(
            labels=torch.full((len(tracks),), PERSON),
            scores=torch.ones(len(tracks)),
            masks=tracks,
        )


def all_faces_speak(samples: Samples) -> None:
    """Give every face the same score."""
    for sample in samples:
        sample.pred_speaking = torch.ones(len(sample.frame_times))


def largest_face_speaks(samples: Samples) -> None:
    """Score 1 for the largest face of each frame, 0 for the others."""
    largest: dict[tuple[str, float], float] = {}
    for sample in samples:
        for frame, area in _areas(sample):
            largest[frame] = max(area, largest.get(frame, 0.0))
    for sample in samples:
        speaks = [area == largest[frame] for frame, area in _areas(sample)]
        sample.pred_speaking = torch.tensor(speaks).float()


def _areas(sample: AVDataSample) -> list[tuple[tuple[str, float], float]]:
    """Video and time of each frame of a face track, and the area of the face."""
    left, top, right, bottom = np.asarray(sample.face_boxes).T
    areas = (right - left) * (bottom - top)
    return [
        ((sample.video_name, time), area)
        for time, area in zip(np.asarray(sample.frame_times).tolist(), areas.tolist(), strict=True)
    ]


NAMES = (SILENCE, 'whole_image', 'center_box')
MASKS: Mapping[str, Answer] = {name: partial(segment, name) for name in NAMES}
CLASS_MASKS: Mapping[str, Answer] = {name: partial(segment, name, label=MAN) for name in NAMES}
TRACKS: Mapping[str, Answer] = {name: partial(track, name) for name in NAMES}
FACES: Mapping[str, Answer] = {
    'all_faces_speak': all_faces_speak,
    'largest_face_speaks': largest_face_speaks,
}


def find_scores(scores: Mapping[str, float], key: str) -> dict[str, float]:
    """The values of a score that a metric states for trivial answers, with their name in front."""
    prefix, _, name = key.partition('/')
    keys = {
        answer: f'{prefix}/{answer}_{name}' for answer in ('empty', 'whole_image', 'center_box')
    }
    return {answer: scores[own] for answer, own in keys.items() if own in scores}


def score_answer(config: Any, answer: Answer) -> dict[str, float]:
    """Score an answer with data and evaluator of the test of a config."""
    from mmengine.evaluator import Evaluator

    from avis.registry import DATASETS

    dataset = DATASETS.build(config.test_dataloader.dataset)
    samples = [dataset[index]['data_samples'] for index in range(len(dataset))]
    answer(samples)
    evaluator = Evaluator(config.test_evaluator)
    evaluator.dataset_meta = dataset.metainfo
    evaluator.process(samples)
    scores: dict[str, float] = evaluator.evaluate(len(samples))
    return scores
