"""Face embeddings of dlib, with the weights of the package face-recognition-models."""

import importlib.util
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from avis.avtracker.face_detection.face_detector import FaceDetector
from avis.avtracker.interfaces import Face
from avis.registry import MODELS
from avis.structures.media import ImageArray
from avis.utils.optional import require

_INSTALL = "pip install 'avis[offline]' face-recognition-models"


@MODELS.register_module()
class DlibFaceEncoder:
    """dlib's embeddings (128,) of faces that BlazeFace detects.

    dlib compares embeddings by distance, with 0.6 as the limit for one person. The embeddings have
    a norm of about 1.4, so that this is a cosine of 0.92.

    Args:
        threshold: Minimum cosine similarity of two faces of one person.
        tiles: Detect small faces too, in tiles of the image.
        folder: Folder of MediaPipe's ``modules``; None uses the installed wheel.
    """

    not_in_cache_key = ('folder',)

    def __init__(
        self, *, threshold: float = 0.92, tiles: bool = False, folder: str | None = None
    ) -> None:
        self.threshold, self.tiles, self.folder = threshold, tiles, folder

    def faces(self, image: ImageArray) -> list[Face]:
        """See :class:`~avis.avtracker.interfaces.FaceEncoder`; faces are ordered left to right."""
        dlib, landmarks, network = self._networks
        found = []
        for face in self._face_detector(image):
            left, top, right, bottom = (round(float(x)) for x in face.box)
            shape = landmarks(image, dlib.rectangle(left, top, right, bottom))
            vector = network.compute_face_descriptor(np.ascontiguousarray(image), shape)
            box = tuple(float(x) for x in face.box)
            found.append(Face((box[0], box[1], box[2], box[3]), np.float32(vector)))
        return found

    @cached_property
    def _face_detector(self) -> FaceDetector:
        return FaceDetector(tiles=self.tiles, folder=self.folder)

    @cached_property
    def _networks(self) -> tuple[Any, Any, Any]:
        """The package, its landmark predictor and its network."""
        dlib = require('dlib', by='DlibFaceEncoder', install=_INSTALL)
        # The package cannot be imported with new releases of setuptools; only files are needed.
        spec = importlib.util.find_spec('face_recognition_models')
        if spec is None or not spec.submodule_search_locations:
            raise ImportError(
                f'DlibFaceEncoder needs face_recognition_models. Install it: {_INSTALL}'
            )
        folder = Path(spec.submodule_search_locations[0]) / 'models'
        return (
            dlib,
            dlib.shape_predictor(str(folder / 'shape_predictor_5_face_landmarks.dat')),
            dlib.face_recognition_model_v1(
                str(folder / 'dlib_face_recognition_resnet_model_v1.dat')
            ),
        )
