"""Scores of AVTrack: HOTA, DetA, AssA, IDF1, MOTA and optionally J&F, as means over videos.

NumPy and SciPy only: no torch, no mmengine, no I/O. Start reading at :func:`score_avtrack`, which
scores one video, and :func:`average_avtrack`, which averages over a data set.

All persons are one class. The ground truth is one gray image per frame, whose levels are the
identities; the predicted persons are merged into one label map per frame in the order of their
folders, sorted as strings, and later ones overwrite earlier ones: ``merged`` of
:meth:`VideoOverlap.from_rles`, or merged label maps.

The two protocols. ``official`` reproduces the numbers of the official scorer of AVTrack:

- it writes person k of n with gray level ``k * (255 // n)``; with more than 255 persons (every
  sub-folder is one) all become background;
- gt pixels of level 255 are ignored, and the person with this level does not exist; predictions of
  that person are wrong. A ground truth of 1, 3, 5, 15, 17, 51, 85 or 255 persons, written with
  these levels, loses one person so;
- a video without gt masks, without predicted masks, without person folders, or with a mask of
  another size raises an error, which is turned into zeros; so does a video without a folder;
- negative scores are raised to 0 in each video;
- with J&F, a video that is turned into zeros has no J and F: then the mean raises an error, or has
  no J and F either if it is the first video.

``corrected``: 255 is an ordinary level, any number of persons is allowed, empty sides raise no
error, and negative scores stay. A video that cannot be read (a mask of another size) still counts
as zeros; J&F is the mean over the videos that have a gt mask. As HOTA is 0 without a match, it is
also 0 for a video without persons and without predictions.

Source: AVTrack (arXiv:2606.02724) and its official scorer, on TrackEval 1.3.0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from avis.evaluation.functional.clear import count_clear
from avis.evaluation.functional.counts import (
    EvalProtocol,
    OfficialEvaluatorError,
    Scores,
    check_protocol,
    count_masks,
    protocol_of,
)
from avis.evaluation.functional.hota import count_hota
from avis.evaluation.functional.identity import count_identity
from avis.evaluation.functional.overlap import VideoOverlap
from avis.evaluation.functional.region_boundary import ReadMask, score_region_boundary

VOID_LEVEL = 255
SUMMARY = ('HOTA', 'DetA', 'AssA', 'IDF1', 'MOTA')
REGION_SUMMARY = ('J-Mean', 'F-Mean', 'J&F-Mean')


@dataclass(frozen=True)
class AVTrackCounts:
    """The scores of one video.

    Attributes:
        name: Name of the video.
        protocol: The protocol of the scores.
        summary: The reported scores in percent.
        details: All fields by metric (``HOTA``, ``CLEAR``, ``Identity``, ``Count``, ``JAndF``), in
            0..1 or counts; empty if the video could not be read.
        failure: Why the video counts as zeros; None if it was scored.
    """

    name: str
    protocol: EvalProtocol
    summary: Mapping[str, float]
    details: Mapping[str, Scores] = field(default_factory=dict)
    failure: str | None = None


@dataclass(frozen=True)
class MaskReaders:
    """Functions ``read(track, frame)`` that return dense masks (H, W), which F needs.

    Attributes:
        gt: Reads a gt track, in the order of ``video.gt``.
        pred: Reads a predicted track after merging, in the order of ``video.pred``.
    """

    gt: ReadMask
    pred: ReadMask


def score_avtrack(
    video: VideoOverlap,
    *,
    name: str,
    protocol: EvalProtocol = 'official',
    masks: MaskReaders | None = None,
    num_folders: int | None = None,
) -> AVTrackCounts:
    """Score one video.

    Args:
        video: Overlaps of the persons; the ids of the gt tracks are their gray levels.
        name: Name of the video.
        protocol: ``'official'`` or ``'corrected'``.
        masks: Readers of the masks for J&F; None to leave J&F out.
        num_folders: Person folders of the prediction, including empty ones; by default the number
            of predicted tracks.
    """
    check_protocol(protocol)
    if protocol == 'corrected':
        return _score(video, name, protocol, masks, None)
    folders = len(video.pred) if num_folders is None else num_folders
    if not folders:
        cause = 'integer division or modulo by zero'
        return failed_video(name, f'no person folder [{cause}]', protocol=protocol)
    if folders > VOID_LEVEL:
        video = video.select(np.arange(len(video.gt)), [])
    kept = np.flatnonzero(video.gt.ids != VOID_LEVEL)
    void = video.intersections[:, video.gt.ids == VOID_LEVEL].sum(axis=1).T
    if masks and void.any():
        masks = _without_void(masks, int(np.flatnonzero(video.gt.ids == VOID_LEVEL)[0]))
    if masks:
        read = masks.gt
        masks = replace(masks, gt=lambda track, frame: read(int(kept[track]), frame))
    video = video.select(kept, np.arange(len(video.pred)))
    for side, tracks in (('gt', video.gt), ('predicted', video.pred)):
        if not tracks.num_masks:
            cause = "'int' object has no attribute 'mean'"
            failed = failed_video(name, f'no {side} mask [{cause}]', protocol=protocol)
            return replace(failed, details=_details(video, protocol, masks, void))
    return _score(video, name, protocol, masks, void)


def failed_video(
    name: str, failure: str, *, protocol: EvalProtocol = 'official', region_boundary: bool = False
) -> AVTrackCounts:
    """The scores of a video that counts as zeros: without a prediction, or unreadable.

    Args:
        name: Name of the video.
        failure: Why it counts as zeros.
        protocol: ``'official'`` or ``'corrected'``.
        region_boundary: Whether J&F is scored; ``official`` leaves it out of such a video.
    """
    check_protocol(protocol)
    names = SUMMARY + (REGION_SUMMARY if region_boundary and protocol == 'corrected' else ())
    return AVTrackCounts(name, protocol, dict.fromkeys(names, 0.0), failure=failure)


def average_avtrack(videos: Sequence[AVTrackCounts]) -> dict[str, float]:
    """Mean over videos, in percent; J&F over the videos that have a gt mask.

    Args:
        videos: In the order of the data set; ``official`` depends on it with J&F.

    Raises:
        OfficialEvaluatorError: With J&F, if a video other than the first has failed.
        ValueError: There is no video, or the protocols of the videos differ.

    >>> videos = [failed_video('a', 'no prediction'), AVTrackCounts('b', 'official', {
    ...     'HOTA': 60.0, 'DetA': 50.0, 'AssA': 72.0, 'IDF1': 80.0, 'MOTA': 0.0})]
    >>> average_avtrack(videos)
    {'HOTA': 30.0, 'DetA': 25.0, 'AssA': 36.0, 'IDF1': 40.0, 'MOTA': 0.0}
    """
    if protocol_of(videos) == 'corrected':
        return _average_known(videos)
    names = list(videos[0].summary)
    for video in videos:
        for missing in (name for name in names if name not in video.summary):
            raise OfficialEvaluatorError(
                f'{video.name}: the official scorer has no J&F for a video that fails '
                f'({video.failure}), and stops. Score without J&F, or use protocol="corrected"',
                f'KeyError: {missing!r}',
            )
    return {name: sum(video.summary[name] for video in videos) / len(videos) for name in names}


def _score(
    video: VideoOverlap,
    name: str,
    protocol: EvalProtocol,
    masks: MaskReaders | None,
    void: 'np.ndarray | None',
) -> AVTrackCounts:
    """Score a video that has masks, or any video if ``corrected``."""
    details = _details(video, protocol, masks, void)
    sources = {'IDF1': 'Identity', 'MOTA': 'CLEAR'}
    values = {key: details[sources.get(key, 'HOTA')][key].mean() for key in SUMMARY}
    if masks:
        region = (details['JAndF'][key] for key in ('J-Mean', 'F-Mean', 'J&F'))
        values |= dict(zip(REGION_SUMMARY, region, strict=True))
    summary = {key: 100 * float(value) for key, value in values.items()}
    if protocol == 'official':
        summary = {key: max(value, 0.0) for key, value in summary.items()}
    return AVTrackCounts(name, protocol, summary, details)


def _details(
    video: VideoOverlap,
    protocol: EvalProtocol,
    masks: MaskReaders | None,
    void: 'np.ndarray | None',
) -> dict[str, Scores]:
    """All fields by metric; those of J&F are NaN without a gt track."""
    details = {
        'HOTA': count_hota(video).scores(),
        'CLEAR': count_clear(video).scores_of_video(),
        'Identity': count_identity(video).scores(),
        'Count': count_masks(video).scores() | {'Frames': np.asarray(video.num_frames)},
    }
    if masks:
        details['JAndF'] = score_region_boundary(
            video, masks.gt, masks.pred, void=void, protocol=protocol
        )
    return details


def _without_void(masks: MaskReaders, void: int) -> MaskReaders:
    """The same readers; predicted masks lose the pixels of the gt track ``void``."""
    return replace(
        masks, pred=lambda track, frame: masks.pred(track, frame) & ~masks.gt(void, frame)
    )


def _average_known(videos: Sequence[AVTrackCounts]) -> dict[str, float]:
    """Mean of every field over the videos that have it and for which it is not NaN."""
    names = dict.fromkeys(name for video in videos for name in video.summary)
    averages = {}
    for name in names:
        values = np.array([video.summary.get(name, np.nan) for video in videos])
        known = values[~np.isnan(values)]
        averages[name] = float(known.mean()) if len(known) else np.nan
    return averages
