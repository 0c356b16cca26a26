import sys

import numpy as np
import pytest

from avis.avtracker.face_detection.face_detector import (
    DetectedFace,
    FaceDetector,
    MouthOpeningEstimator,
    _overlap,
)
from avis.avtracker.face_detection.tflite_network import TFLiteNetwork, crop_square, sigmoid
from tests.helpers.people import crowd, talk


def test_detects_faces_of_synthetic_people():
    frames, _, _ = talk(0)
    detector = FaceDetector()
    found = [detector(frames[frame]) for frame in range(0, len(frames), 4)]
    assert all(len(faces) >= 2 for faces in found)
    for faces in found:
        centers = [face.center[0] for face in faces]
        assert centers == sorted(centers)
        for face in faces:
            assert 0.5 < face.score <= 1
            assert face.points.shape == (6, 2)
            right, left, nose, mouth = face.points[:4]
            assert right[0] < left[0]
            assert right[1] < nose[1] < mouth[1]


def test_face_position_is_correct_in_non_square_images():
    frames, _, _ = talk(0)
    (face, *_) = FaceDetector()(frames[0])
    wide = np.zeros((224, 400, 3), np.uint8)
    wide[:, 100:324] = frames[0]
    moved = min(FaceDetector()(wide), key=lambda one: abs(one.center[0] - face.center[0] - 100))
    np.testing.assert_allclose(moved.box, face.box + np.array([100, 0, 100, 0]), atol=6)


def test_tiles_detect_smaller_faces():
    frames, _, _ = talk(0)
    small = np.zeros((1600, 1600, 3), np.uint8)
    small[:224, :224] = frames[0]
    assert len(FaceDetector()(small)) < 2
    found = FaceDetector(tiles=True)(small)
    assert len([face for face in found if max(face.center) < 224]) >= 2


def test_searches_only_the_given_squares():
    frames, _, _ = talk(0)
    first, second, *_ = FaceDetector()(frames[0])
    (found,) = FaceDetector()(frames[0], squares=[(*second.center, 3 * second.width)])
    np.testing.assert_allclose(found.center, second.center, atol=4)
    assert FaceDetector()(frames[0], squares=[]) == []
    twice = [(*one.center, 3 * one.width) for one in (second, first, second)]
    assert len(FaceDetector()(frames[0], squares=twice)) == 2


def test_detects_nothing_in_images_without_a_face():
    detector = FaceDetector(tiles=True)
    for image in (np.zeros((40, 60, 3), np.uint8), np.full((5, 300, 3), 128, np.uint8)):
        assert detector(image) == []


def test_narrow_image_is_not_cut_into_thousands_of_tiles(monkeypatch):
    detector = FaceDetector(tiles=True)
    searched = []
    monkeypatch.setattr(
        detector, '_detect_in_square', lambda *square: searched.append(square) or []
    )
    assert detector(np.zeros((1, 4000, 3), np.uint8)) == []
    assert len(searched) == 1
    detector(np.zeros((54, 80, 3), np.uint8))
    assert len(searched) > 3


def test_mouth_opening_is_none_without_a_face():
    frames, _, _ = talk(0)
    estimator = MouthOpeningEstimator()
    (face, *_) = FaceDetector()(frames[0])
    assert 0 <= estimator(frames[0], face) < 1
    nowhere = DetectedFace(np.array([0.0, 0, 20, 20]), face.points, 1.0)
    assert estimator(np.zeros((40, 40, 3), np.uint8), nowhere) is None


def test_face_mesh_rejects_false_detections():
    image, owner = crowd(12)
    unchecked = FaceDetector(tiles=True, min_presence=0.0)(image)
    checked = FaceDetector(tiles=True)(image)
    centers = [tuple(round(x) for x in face.center) for face in checked]
    assert len(unchecked) > len(checked) >= 4
    assert all(owner[y, x] for x, y in centers)
    assert len({int(owner[y, x]) for x, y in centers}) == len(checked)  # nobody twice
    all_checked = FaceDetector(tiles=True, min_presence=0.0, confident_score=0.0)(image)
    assert [face.score for face in all_checked] == [face.score for face in unchecked]


def test_overlap_of_a_face_and_its_part_is_one():
    face, eye, neighbor = np.array([[0, 0, 10, 10], [2, 2, 6, 4], [9, 0, 19, 10]], float)
    assert _overlap(face, eye) == _overlap(eye, face) == 1
    assert _overlap(face, neighbor) == pytest.approx(0.1)
    assert _overlap(eye, neighbor) == 0


def test_crop_square_rotates_and_resizes():
    image = np.zeros((40, 40, 3), np.uint8)
    image[10:20, 20:30] = 255
    square, matrix = crop_square(image, center=(25, 15), side=10, size=10)
    assert square.mean() > 250
    np.testing.assert_allclose(matrix @ [25, 15, 1], [5, 5])
    turned, _ = crop_square(image, center=(25, 15), side=20, size=20, angle=np.pi / 2)
    assert turned[5:15, 5:15].mean() > 200
    outside, _ = crop_square(image, center=(-50, -50), side=10, size=10)
    assert not outside.any()
    small, _ = crop_square(np.full((400, 400, 3), 7, np.uint8), center=(200, 200), side=400, size=4)
    assert (small == 7).all()
    assert sigmoid(np.array([-1e9, 0, 1e9])).tolist() == pytest.approx([0, 0.5, 1])


def test_missing_file_or_package_raises_error_with_install_command(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r'x\.tflite does not exist.*avis\[offline\]'):
        TFLiteNetwork('x.tflite', folder=str(tmp_path))
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    with pytest.raises(ImportError, match=r'--no-deps mediapipe==0\.10\.21'):
        TFLiteNetwork('face_landmark/face_landmark.tflite')
    monkeypatch.setitem(sys.modules, 'ai_edge_litert.interpreter', None)
    with pytest.raises(ImportError, match=r"pip install 'avis\[offline\]'"):
        TFLiteNetwork('face_landmark/face_landmark.tflite')
