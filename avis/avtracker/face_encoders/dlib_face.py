"""Faces by dlib, whose weights come in the package face-recognition-models."""

import importlib.util
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from avis.avtracker.face_detection.face_detector import FaceDetector
from avis.avtracker.interfaces import Face
from avis.avtracker.loading import require
from avis.registry import MODELS
from avis.structures.media import ImageArray

_INSTALL = "pip install 'avis[offline]' face-recognition-models"


@MODELS.register_module()
class DlibFaceEncoder:
    """128 numbers per face that BlazeFace finds.

    dlib compares by distance, below 0.6 for one person; its vectors are about 1.4 long, so that is
    a cosine above 0.92.

    Args:
        threshold: Least cosine similarity of one person.
        tiles: Look for small faces too, in parts of the image.
        folder: Where MediaPipe's ``modules`` are; None looks into the installed wheel.
    """

    not_in_cache_key = ('folder',)

    def __init__(
        self, *, threshold: float = 0.92, tiles: bool = False, folder: str | None = None
    ) -> None:
        self.threshold, self.tiles, self.folder = threshold, tiles, folder

    def faces(self, image: ImageArray) -> list[Face]:
        """All faces, from left to right."""
        dlib, points, network = self._networks
        found = []
        for face in self._finder(image):
            left, top, right, bottom = (round(float(x)) for x in face.box)
            shape = points(image, dlib.rectangle(left, top, right, bottom))
            vector = network.compute_face_descriptor(np.ascontiguousarray(image), shape)
            box = tuple(float(x) for x in face.box)
            found.append(Face((box[0], box[1], box[2], box[3]), np.float32(vector)))
        return found

    @cached_property
    def _finder(self) -> FaceDetector:
        return FaceDetector(tiles=self.tiles, folder=self.folder)

    @cached_property
    def _networks(self) -> tuple[Any, Any, Any]:
        """The package, its landmarks and its network."""
        dlib = require('dlib', by='DlibFaceEncoder', install=_INSTALL)
        # The package cannot be imported beside new releases of setuptools; only files are needed.
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
