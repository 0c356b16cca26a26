import sys
import types

import numpy as np
import pytest

from avis.avtracker.face_encoders.deep_face import DeepFaceEncoder
from avis.avtracker.face_encoders.dlib_face import DlibFaceEncoder
from tests.helpers.people import talk

IMAGE = np.zeros((10, 20, 3), np.uint8)
IMAGE[..., 0] = 200  # red


@pytest.fixture
def deepface(monkeypatch):
    """A fake of DeepFace, which returns one face and, without a face, the whole image."""
    calls = []
    module = types.ModuleType('deepface')

    class DeepFace:
        @staticmethod
        def represent(**kwargs):
            calls.append(kwargs)
            area = {'x': 2, 'y': 3, 'w': 5, 'h': 4, 'left_eye': None}
            face = {'embedding': [1.0, 2.0], 'facial_area': area, 'face_confidence': 0.9}
            none = {**face, 'embedding': [0.0, 1.0], 'face_confidence': 0}
            return [face, none]

    module.DeepFace = DeepFace
    monkeypatch.setitem(sys.modules, 'deepface', module)
    return calls


def test_deep_face_is_called_as_in_the_official_code(deepface):
    (face,) = DeepFaceEncoder().faces(IMAGE)
    assert face.box == (2.0, 3.0, 7.0, 7.0)
    assert face.embedding.tolist() == [1, 2]
    (call,) = deepface
    assert (call['model_name'], call['detector_backend']) == ('Facenet512', 'retinaface')
    assert call['enforce_detection'] is False
    assert call['img_path'][0, 0].tolist() == [0, 0, 200]  # BGR


def test_whole_image_is_encoded_if_requested(deepface):
    assert len(DeepFaceEncoder(whole_image=True).faces(IMAGE)) == 2


@pytest.mark.parametrize(
    ('encoder', 'package', 'said'),
    [(DeepFaceEncoder(), 'deepface', 'deepface'), (DlibFaceEncoder(), 'dlib', r'avis\[offline\]')],
)
def test_missing_library_raises_import_error_on_first_use(encoder, package, said, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=f'pip install .*{said}'):
        encoder.faces(IMAGE)


def test_dlib_encodes_the_faces_that_blaze_face_detects(monkeypatch):
    frames, _, _ = talk(0)
    seen = []
    dlib = types.SimpleNamespace(rectangle=lambda *corners: corners)

    def landmarks(image, rectangle):
        seen.append(rectangle)
        return rectangle

    network = types.SimpleNamespace(
        compute_face_descriptor=lambda image, shape: [float(shape[0])] * 128
    )
    monkeypatch.setattr(DlibFaceEncoder, '_networks', (dlib, landmarks, network))
    faces = DlibFaceEncoder().faces(frames[0])
    assert len(faces) == len(seen) >= 2
    for face, corners in zip(faces, seen, strict=True):
        assert face.embedding.shape == (128,)
        np.testing.assert_allclose(face.box, corners, atol=0.51)
