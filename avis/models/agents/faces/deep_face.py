"""Faces by DeepFace: AVTracker's encoder."""

from functools import cached_property
from typing import Any

import numpy as np

from avis.models.agents.contract import Face, Picture
from avis.models.agents.loading import require
from avis.registry import MODELS


@MODELS.register_module()
class DeepFaceEncoder:
    """Facenet512 on faces of RetinaFace, 512 numbers per face.

    DeepFace is used where it is installed; it brings TensorFlow and fetches its weights itself.

    Args:
        model: Name of the describing network.
        detector: Name of the detector.
        threshold: Least cosine similarity of one person.
        whole_picture: Describe the whole picture where there is no face, as the released code.
    """

    def __init__(
        self,
        *,
        model: str = 'Facenet512',
        detector: str = 'retinaface',
        threshold: float = 0.6,
        whole_picture: bool = False,
    ) -> None:
        self.model, self.detector = model, detector
        self.threshold, self.whole_picture = threshold, whole_picture

    def faces(self, picture: Picture) -> list[Face]:
        """All faces."""
        found = self._deepface.represent(
            img_path=np.ascontiguousarray(picture[..., ::-1]),  # it takes BGR
            model_name=self.model,
            detector_backend=self.detector,
            enforce_detection=False,
        )
        # Without a face it gives the whole picture, with no confidence.
        seen = [one for one in found if self.whole_picture or one.get('face_confidence', 1) > 0]
        return [Face(_box(one['facial_area']), np.float32(one['embedding'])) for one in seen]

    @cached_property
    def _deepface(self) -> Any:
        return require('deepface', by='DeepFaceEncoder', install='pip install deepface').DeepFace


def _box(area: dict[str, Any]) -> tuple[float, float, float, float]:
    x, y, width, height = (float(area[key]) for key in ('x', 'y', 'w', 'h'))
    return x, y, x + width, y + height
