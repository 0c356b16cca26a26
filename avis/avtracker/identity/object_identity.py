"""The global stage by the object ids of the instance tracker."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.avtracker.identity.embedding_identity import EmbeddingIdentity
from avis.avtracker.interfaces import GroundedUtterance, VideoContext
from avis.avtracker.track_ids import main_object
from avis.registry import MODELS


@MODELS.register_module()
class ObjectIdentity(EmbeddingIdentity):
    """Group by object: one id is one person, two ids visible in the same frame are two.

    Pairs of objects that are never visible together are unknown: they may be the same person.
    """

    def margins(
        self, video: VideoContext, utterances: Sequence[GroundedUtterance]
    ) -> tuple[NDArray[np.float64], dict[str, Any]]:
        """1 for the same object, -1 for two that are visible together, else NaN."""
        objects = [main_object(video, utterance) for utterance in utterances]
        together = {
            (int(a), int(b))
            for found in video.detections
            if found is not None
            for a in found.ids
            for b in found.ids
        }
        margins = np.full((len(objects), len(objects)), np.nan)
        for i, one in enumerate(objects):
            for j, other in enumerate(objects):
                if one is not None and other is not None and (one, other) in together:
                    margins[i, j] = 1.0 if one == other else -1.0
        return margins, {'objects': objects}
