"""Scores of YouTube-VIS and OVIS: AP and AR of whole tracks, as their evaluator computes them.

NumPy only: no torch, no mmengine, no I/O. Start reading at :func:`count_youtube_vis`, which matches
the tracks of one video, and :func:`score_youtube_vis`, which turns the matches of a data set into
numbers. Videos may be counted in any order and by any number of processes.

AP is the mean over classes, 10 thresholds and 101 recalls, with at most 100 predictions per video
and class; AP50 and AP75 have one threshold; AR1, AR10 and AR100 are recalls with that many
predictions. Small, medium and large are separated at mean areas of 128 x 128 and 256 x 256 pixels.

``official``: -1 where no class has a gt track in the range; a blank RLE is an ordinary mask; a
prediction that is matched with the gt track of id 0 counts as unmatched, because the evaluator
notes the id and tests whether it is 0. It also looks gt tracks up by their id alone: of ids that
repeat in another video it scores the last track again and again.
``corrected``: NaN instead; a blank mask is absent, and a track without masks does not exist.

Source: Yang et al., *Video Instance Segmentation*, ICCV 2019 (arXiv:1905.04804); rules as in the
evaluator of youtubevos/cocoapi.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from avis.evaluation.functional.array_types import FloatArray
from avis.evaluation.functional.counts import EvalProtocol, check_protocol, protocol_of
from avis.evaluation.functional.overlap import VideoOverlap
from avis.evaluation.functional.track_map import (
    YOUTUBE_VIS_RULES,
    TrackMatches,
    average_classes_found,
    match_tracks,
    score_matches,
)

MAX_DETECTIONS = (1, 10, 100)
THRESHOLD_INDICES = {'AP50': 0, 'AP75': 5}


@dataclass(frozen=True)
class YouTubeVISCounts:
    """The matches of one video, from which the scores of a data set are computed.

    Attributes:
        video_id: Id of the video; videos are sorted by id.
        protocol: The protocol of the matches.
        tracks: The matches of every class with a gt or a predicted track.
        gt_ids: Ids of its gt tracks; empty if unknown.
    """

    video_id: int
    protocol: EvalProtocol
    tracks: Mapping[int, TrackMatches]
    gt_ids: Sequence[int] = ()


def count_youtube_vis(
    video: VideoOverlap,
    *,
    video_id: int,
    classes: Iterable[int],
    protocol: EvalProtocol = 'official',
    gt_ids: Sequence[int] | None = None,
) -> YouTubeVISCounts:
    """Match the tracks of one video.

    Args:
        video: Overlaps of all tracks.
        video_id: Id of the video.
        classes: The classes of the data set; predictions of other classes are ignored.
        protocol: ``'official'`` or ``'corrected'``.
        gt_ids: Id of each gt track in the file, on which ``official`` depends if it is 0.
    """
    check_protocol(protocol)
    unseen = None if gt_ids is None else np.asarray(gt_ids, np.int64) == 0
    if protocol == 'corrected':
        unseen = None
        video = video.without_blanks()
        video = video.select(video.gt.ever_present, video.pred.ever_present)
    labels = {*video.gt.labels.tolist(), *video.pred.labels.tolist()} & set(classes)
    return YouTubeVISCounts(
        video_id=video_id,
        protocol=protocol,
        tracks={
            label: match_tracks(video, label, rules=YOUTUBE_VIS_RULES, unseen=unseen)
            for label in sorted(labels)
        },
        gt_ids=gt_ids or (),
    )


def score_youtube_vis(videos: Iterable[YouTubeVISCounts]) -> dict[str, float]:
    """AP, AP50, AP75, AR1, AR10, AR100 and AP, AR by size (``AP_s``, ``AR_l`` ...), in percent.

    Args:
        videos: The videos of all processes, in any order.

    Raises:
        ValueError: There is no video, or the protocols of the videos differ.
    """
    videos = sorted(videos, key=lambda video: video.video_id)
    protocol = protocol_of(videos)
    matches: dict[int, list[TrackMatches]] = {}
    for video in videos:
        for label, tracks in video.tracks.items():
            matches.setdefault(label, []).append(tracks)
    found = {}
    for limit in MAX_DETECTIONS:
        scores = [score_matches(tracks, max_detections=limit) for tracks in matches.values()]
        found[limit] = average_classes_found(scores or [score_matches([])])
    best = found[MAX_DETECTIONS[-1]]
    summary = {'AP': _mean(best['AP_all'])}
    summary |= {
        name: 100 * float(best['AP_all'][index]) for name, index in THRESHOLD_INDICES.items()
    }
    summary |= {f'AR{limit}': _mean(found[limit]['AR_all']) for limit in MAX_DETECTIONS}
    for size in 'sml':
        summary |= {f'{kind}_{size}': _mean(best[f'{kind}_area_{size}']) for kind in ('AP', 'AR')}
    if protocol == 'official':
        summary = {name: -1.0 if np.isnan(value) else value for name, value in summary.items()}
    return summary


def _mean(values: FloatArray) -> float:
    return 100 * float(values.mean())
