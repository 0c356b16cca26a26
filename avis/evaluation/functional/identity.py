r"""Identity scores (IDF1): how long one predicted track follows each gt track.

NumPy and SciPy only: no torch, no mmengine, no I/O. Start reading at :func:`count_identity`.

.. math:: IDF1 = \frac{IDTP}{IDTP + \frac{1}{2} IDFN + \frac{1}{2} IDFP}

Each gt track is paired with at most one predicted track over the whole video so that IDFN + IDFP
is minimal; IDTP counts the frames in which the IoU of a pair is at least 0.5.

Empty cases: all quotients are 0 without gt masks or without predicted masks.

Source: Ristani et al., *Performance Measures and a Data Set for Multi-Target, Multi-Camera
Tracking*, ECCV Workshops 2016 (arXiv:1609.01775); conventions as in TrackEval 1.3.0.
"""

from dataclasses import dataclass

import numpy as np

from avis.evaluation.functional.assignment import assign
from avis.evaluation.functional.counts import MATCH_IOU, Counts, Scores, ratio
from avis.evaluation.functional.overlap import VideoOverlap


@dataclass(frozen=True, slots=True)
class IdentityCounts(Counts):
    """The counts of the identity scores: masks matched by identity, missed, and false positives."""

    COUNT_FIELDS = ('IDTP', 'IDFN', 'IDFP')

    IDTP: int = 0
    IDFN: int = 0
    IDFP: int = 0

    def scores(self) -> Scores:
        """Counts, recall, precision and IDF1 by TrackEval's names.

        >>> float(IdentityCounts(IDTP=2, IDFN=1, IDFP=3).scores()['IDF1'])
        0.5
        """
        return {
            'IDTP': np.asarray(self.IDTP),
            'IDFN': np.asarray(self.IDFN),
            'IDFP': np.asarray(self.IDFP),
            'IDF1': ratio(self.IDTP, self.IDTP + 0.5 * self.IDFN + 0.5 * self.IDFP),
            'IDR': ratio(self.IDTP, self.IDTP + self.IDFN),
            'IDP': ratio(self.IDTP, self.IDTP + self.IDFP),
        }


def count_identity(video: VideoOverlap) -> IdentityCounts:
    """Count one video for the identity scores; all tracks are one class.

    Each frame of IDTP reduces both IDFN and IDFP by one, so the optimal assignment is the one with
    the largest IDTP; an assignment problem of size (G, P) instead of (G + P) squared.

    Args:
        video: Overlaps of one class, see :meth:`VideoOverlap.of_class`.

    >>> from avis.evaluation.functional.overlap import TrackMasks
    >>> mask = {'size': [1, 1], 'counts': b'01'}
    >>> gt, pred = TrackMasks([[mask, mask]]), TrackMasks([[mask, None], [None, mask]])
    >>> count_identity(VideoOverlap.from_rles(gt, pred, size=(1, 1), num_frames=2))
    IdentityCounts(IDTP=1, IDFN=1, IDFP=1)
    """
    frames = (video.iou >= MATCH_IOU).sum(axis=0)  # (G, P)
    idtp = int(frames[assign(frames)].sum())
    return IdentityCounts(
        IDTP=idtp,
        IDFN=video.gt.num_masks - idtp,
        IDFP=video.pred.num_masks - idtp,
    )
