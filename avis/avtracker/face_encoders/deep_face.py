"""Face embeddings of DeepFace, the face encoder of AVTracker."""

from functools import cached_property
from typing import Any

import numpy as np

from avis.avtracker.interfaces import Face
from avis.registry import MODELS
from avis.structures.media import ImageArray
from avis.utils.optional import require


@MODELS.register_module()
class DeepFaceEncoder:
    """Facenet512 embeddings (512,) of faces that RetinaFace detects.

    DeepFace is an optional package; it requires TensorFlow and downloads its weights itself.

    Args:
        model: Name of the embedding network.
        detector: Name of the detector.
        threshold: Minimum cosine similarity of two faces of one person.
        whole_image: Encode the whole image if it contains no face, as the official code does.
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
        """See :class:`~avis.avtracker.interfaces.FaceEncoder`."""
        found = self._deepface.represent(
            img_path=np.ascontiguousarray(image[..., ::-1]),  # DeepFace expects BGR
            model_name=self.model,
            detector_backend=self.detector,
            enforce_detection=False,
        )
        # Without a face DeepFace returns the whole image, with a confidence of 0.
        kept = [one for one in found if self.whole_image or one.get('face_confidence', 1) > 0]
        return [Face(_box(one['facial_area']), np.float32(one['embedding'])) for one in kept]

    @cached_property
    def _deepface(self) -> Any:
        return require('deepface', by='DeepFaceEncoder', install='pip install deepface').DeepFace


def _box(area: dict[str, Any]) -> tuple[float, float, float, float]:
    x, y, width, height = (float(area[key]) for key in ('x', 'y', 'w', 'h'))
    return x, y, x + width, y + height
