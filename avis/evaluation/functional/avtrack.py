"""Scores of AVTrack: HOTA, DetA, AssA, IDF1 and MOTA, and J&F if asked for, as means over videos.

NumPy and SciPy only: no torch, no mmengine, no I/O. Start reading at :func:`score_video`, which
scores one video, and :func:`average_videos`, which takes the mean over a data set.

All persons are one class. The truth is one gray image per frame, whose levels are the identities;
the predicted persons are painted into one image in the order of their folders, sorted as strings,
later ones over earlier ones: ``painted`` of :meth:`VideoOverlap.from_rles`, or painted label maps.

The two protocols. ``official`` gives the numbers of the scorer that is released with AVTrack:

- it paints person k of n with gray level ``k * (255 // n)``: more than 255 persons, of whom every
  sub-folder is one, all become background;
- true pixels of level 255 do not count, and the person painted with it does not exist; predictions
  of that person are wrong. Painted truth of 1, 3, 5, 15, 17, 51, 85 or 255 persons loses one so;
- a video without true masks, without predicted masks, without person folders, or with a mask of
  another size raises an error, which is turned into zeros; so does a video without a folder;
- negative scores are raised to 0 in each video;
- with J&F asked for, a video that is turned into zeros has no J and F: the mean then stops, or has
  no J and F either if the first video is such.

``corrected``: 255 is a level like others, any number of persons, no error for empty sides, no
raising to 0. A video that cannot be read (a mask of another size) still counts as zeros, J&F is the
mean over the videos that have a true mask. As HOTA is 0 where nothing is matched, so is the score
of a video in which nothing is to be found and nothing is predicted.

Source: AVTrack (arXiv:2606.02724) and the scorer released with it, on TrackEval 1.3.0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from avis.evaluation.functional.clear import count_clear
from avis.evaluation.functional.counts import (
    OfficialEvaluatorError,
    Protocol,
    Scores,
    check_protocol,
    count_masks,
    protocol_of,
)
from avis.evaluation.functional.hota import count_hota
from avis.evaluation.functional.identity import count_identity
from avis.evaluation.functional.overlap import VideoOverlap
from avis.evaluation.functional.region_boundary import ReadMask, score_region_boundary

VOID = 255
SUMMARY = ('HOTA', 'DetA', 'AssA', 'IDF1', 'MOTA')
REGION_SUMMARY = ('J-Mean', 'F-Mean', 'J&F-Mean')


@dataclass(frozen=True)
class AVTrackCounts:
    """The scores of one video.

    Attributes:
        name: Name of the video.
        protocol: The protocol that it was scored under.
        summary: The reported numbers in percent.
        details: All fields by metric (``HOTA``, ``CLEAR``, ``Identity``, ``Count``, ``JAndF``), in
            0..1 or counts; empty if the video could not be read.
        failure: Why the video counts as zeros; None if it was scored.
    """

    name: str
    protocol: Protocol
    summary: Mapping[str, float]
    details: Mapping[str, Scores] = field(default_factory=dict)
    failure: str | None = None


@dataclass(frozen=True)
class MaskReaders:
    """Dense masks (H, W) of a track in a frame, ``read(track, frame)``, which F needs.

    Attributes:
        true: Of the true tracks, in the order of ``video.gt``.
        pred: Of the predicted tracks, painted, in the order of ``video.pred``.
    """

    true: ReadMask
    pred: ReadMask


def score_video(
    video: VideoOverlap,
    *,
    name: str,
    protocol: Protocol = 'official',
    masks: MaskReaders | None = None,
    num_folders: int | None = None,
) -> AVTrackCounts:
    """Score one video.

    Args:
        video: Overlaps of the persons; the ids of the true ones are their gray levels.
        name: Name of the video.
        protocol: ``'official'`` or ``'corrected'``.
        masks: Asks for J&F, and gives the masks that it needs.
        num_folders: Person folders of the prediction, empty ones included; if None as many as
            there are predicted tracks.
    """
    check_protocol(protocol)
    if protocol == 'corrected':
        return _score(video, name, protocol, masks, None)
    folders = len(video.pred) if num_folders is None else num_folders
    if not folders:
        cause = 'integer division or modulo by zero'
        return failed_video(name, f'no person folder [{cause}]', protocol=protocol)
    if folders > VOID:
        video = video.select(np.arange(len(video.gt)), [])
    kept = np.flatnonzero(video.gt.ids != VOID)
    void = video.intersections[:, video.gt.ids == VOID].sum(axis=1).T
    if masks and void.any():
        masks = _without_void(masks, int(np.flatnonzero(video.gt.ids == VOID)[0]))
    if masks:
        read = masks.true
        masks = replace(masks, true=lambda track, frame: read(int(kept[track]), frame))
    video = video.select(kept, np.arange(len(video.pred)))
    for side, tracks in (('true', video.gt), ('predicted', video.pred)):
        if not tracks.num_masks:
            cause = "'int' object has no attribute 'mean'"
            failed = failed_video(name, f'no {side} mask [{cause}]', protocol=protocol)
            return replace(failed, details=_details(video, protocol, masks, void))
    return _score(video, name, protocol, masks, void)


def failed_video(
    name: str, failure: str, *, protocol: Protocol = 'official', region_boundary: bool = False
) -> AVTrackCounts:
    """A video that counts as zeros: without a prediction, or not to be read.

    Args:
        name: Name of the video.
        failure: Why it counts as zeros.
        protocol: ``'official'`` or ``'corrected'``.
        region_boundary: J&F is asked for. ``official`` leaves it out of such a video.
    """
    check_protocol(protocol)
    names = SUMMARY + (REGION_SUMMARY if region_boundary and protocol == 'corrected' else ())
    return AVTrackCounts(name, protocol, dict.fromkeys(names, 0.0), failure=failure)


def average_videos(videos: Sequence[AVTrackCounts]) -> dict[str, float]:
    """Plain mean over videos, in percent; J&F over the videos that have a true mask.

    Args:
        videos: In the order of the data set; ``official`` depends on it when J&F is asked for.

    Raises:
        OfficialEvaluatorError: J&F is asked for, and a video that is not the first has failed.
        ValueError: No video, or videos scored under different protocols.

    >>> videos = [failed_video('a', 'no prediction'), AVTrackCounts('b', 'official', {
    ...     'HOTA': 60.0, 'DetA': 50.0, 'AssA': 72.0, 'IDF1': 80.0, 'MOTA': 0.0})]
    >>> average_videos(videos)
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
    protocol: Protocol,
    masks: MaskReaders | None,
    void: 'np.ndarray | None',
) -> AVTrackCounts:
    """Score a video that can be scored."""
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
    protocol: Protocol,
    masks: MaskReaders | None,
    void: 'np.ndarray | None',
) -> dict[str, Scores]:
    """All fields by metric; those of J&F, if asked for, are NaN without a true track."""
    details = {
        'HOTA': count_hota(video).scores(),
        'CLEAR': count_clear(video).scores_of_video(),
        'Identity': count_identity(video).scores(),
        'Count': count_masks(video).scores() | {'Frames': np.asarray(video.num_frames)},
    }
    if masks:
        details['JAndF'] = score_region_boundary(
            video, masks.true, masks.pred, void=void, protocol=protocol
        )
    return details


def _without_void(masks: MaskReaders, void: int) -> MaskReaders:
    """The same masks, the predicted ones without the pixels of the true track ``void``."""
    return replace(
        masks, pred=lambda track, frame: masks.pred(track, frame) & ~masks.true(void, frame)
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
