"""Faces by DeepFace: AVTracker's encoder."""

from functools import cached_property
from typing import Any

import numpy as np

from avis.avtracker.interfaces import Face
from avis.avtracker.loading import require
from avis.registry import MODELS
from avis.structures.media import ImageArray


@MODELS.register_module()
class DeepFaceEncoder:
    """Facenet512 on faces of RetinaFace, 512 numbers per face.

    DeepFace is used where it is installed; it brings TensorFlow and fetches its weights itself.

    Args:
        model: Name of the describing network.
        detector: Name of the detector.
        threshold: Least cosine similarity of one person.
        whole_image: Describe the whole image where there is no face, as the released code.
    """

    def __init__(
        self,
        *,
        model: str = 'Facenet512',
        detector: str = 'retinaface',
        threshold: float = 0.6,
        whole_image: bool = False,
    ) -> None:
        self.model, self.detector = model, detector
        self.threshold, self.whole_image = threshold, whole_image

    def faces(self, image: ImageArray) -> list[Face]:
        """All faces."""
        found = self._deepface.represent(
            img_path=np.ascontiguousarray(image[..., ::-1]),  # it takes BGR
            model_name=self.model,
            detector_backend=self.detector,
            enforce_detection=False,
        )
        # Without a face it gives the whole image, with no confidence.
        seen = [one for one in found if self.whole_image or one.get('face_confidence', 1) > 0]
        return [Face(_box(one['facial_area']), np.float32(one['embedding'])) for one in seen]

    @cached_property
    def _deepface(self) -> Any:
        return require('deepface', by='DeepFaceEncoder', install='pip install deepface').DeepFace


def _box(area: dict[str, Any]) -> tuple[float, float, float, float]:
    x, y, width, height = (float(area[key]) for key in ('x', 'y', 'w', 'h'))
    return x, y, x + width, y + height
