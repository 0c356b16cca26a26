r"""Identity scores: how long each true track is followed by one and the same predicted track.

NumPy and SciPy only: no torch, no mmengine, no I/O. Start reading at :func:`count_identity`.

.. math:: IDF1 = \frac{IDTP}{IDTP + \frac{1}{2} IDFN + \frac{1}{2} IDFP}

Each true track is paired with at most one predicted track of the whole video so that IDFN + IDFP is
minimal; IDTP counts the frames in which the IoU of a pair is at least 0.5.

Empty cases: all quotients are 0 without true masks or without predicted masks.

Source: Ristani et al., *Performance Measures and a Data Set for Multi-Target, Multi-Camera
Tracking*, ECCV Workshops 2016 (arXiv:1609.01775); conventions as in TrackEval 1.3.0.
"""

from dataclasses import dataclass

import numpy as np

from avis.evaluation.functional.assignment import assign
from avis.evaluation.functional.counts import Counts, Scores, ratio
from avis.evaluation.functional.overlap import VideoOverlap

THRESHOLD = 0.5
# Fields that are summed, not averaged, over classes.
COUNT_FIELDS = ('IDTP', 'IDFN', 'IDFP')


@dataclass(frozen=True, slots=True)
class IdentityCounts(Counts):
    """What the identity scores sum over videos: masks followed, lost, and wrongly followed."""

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
    """Count what the identity scores need of one video; all tracks count as one class.

    A frame won for IDTP is one less in IDFN and one less in IDFP, so the cheapest assignment is the
    one with the largest IDTP, and it need not be searched among (G + P) squared pairs.

    Args:
        video: Overlaps of one class, see :meth:`VideoOverlap.of_class`.

    >>> from avis.evaluation.functional.overlap import TrackMasks
    >>> mask = {'size': [1, 1], 'counts': b'01'}
    >>> truth, pred = TrackMasks([[mask, mask]]), TrackMasks([[mask, None], [None, mask]])
    >>> count_identity(VideoOverlap.from_rles(truth, pred, size=(1, 1), num_frames=2))
    IdentityCounts(IDTP=1, IDFN=1, IDFP=1)
    """
    frames = (video.iou >= THRESHOLD).sum(axis=0)  # (G, P)
    followed = int(frames[assign(frames)].sum())
    return IdentityCounts(
        IDTP=followed,
        IDFN=video.gt.num_masks - followed,
        IDFP=video.pred.num_masks - followed,
    )
