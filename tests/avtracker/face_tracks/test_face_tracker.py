"""Face tracks of painted faces that a scripted detector finds."""

import re

import cv2
import numpy as np
import pytest

from avis.avtracker.face_detection.box_detectors import BlazeFace, DlibFaces, YuNet
from avis.avtracker.face_tracks import face_tracker
from avis.avtracker.face_tracks.crops import crop_face, face_crops, ticks_of
from avis.avtracker.face_tracks.face_track import FaceTrack
from avis.avtracker.face_tracks.face_tracker import FaceTracker
from avis.avtracker.face_tracks.linking import FaceLinker
from avis.avtracker.interfaces import ModelUnavailable
from tests.helpers.people import Frames

SKIN = {'left': (220, 160, 130), 'right': (120, 80, 60)}
FACE = 30  # pixels


class ScriptedDetector:
    """Finds the painted squares by their colors, and counts where it looks."""

    def __init__(self, *, jitter=0.0):
        self.looks, self.rng, self.jitter = [], np.random.default_rng(0), jitter

    def detect(self, image, *, near=None):
        self.looks.append(near)
        boxes = []
        for color in SKIN.values():
            rows, columns = np.nonzero((image == color).all(axis=-1))
            if len(rows):
                box = np.array([columns.min(), rows.min(), columns.max() + 1.0, rows.max() + 1.0])
                boxes.append(box + self.rng.normal(0, self.jitter, 4))
        return np.array(boxes).reshape(-1, 4), np.ones(len(boxes))


def painted(positions, *, size=(90, 160), face=FACE, background=40):
    """Images with a face of each color at (x, y) per frame; None hides it."""
    images = []
    for frame in positions:
        image = np.full((*size, 3), background, np.uint8)
        for color, place in zip(SKIN.values(), frame, strict=True):
            if place is not None:
                x, y = place
                image[max(y, 0) : y + face, max(x, 0) : x + face] = color
        images.append(image)
    return np.stack(images)


def track(positions, *, fps=25.0, detector=None, **kwargs):
    detector = detector or ScriptedDetector()
    frames = Frames(painted(positions, **kwargs), fps=fps)
    return FaceTracker(detector=detector).track(frames), detector


@pytest.mark.parametrize('fps', [10.0, 25.0, 60.0])
def test_moving_faces_are_followed_with_a_few_looks(fps):
    count = round(3 * fps)
    positions = [((10 + 60 * t // count, 20), (120, 20 + 30 * t // count)) for t in range(count)]
    (left, right), detector = track(positions, fps=fps)
    assert (left.first, left.stop, right.first, right.stop) == (0, count, 0, count)
    gt = np.array([[x, y, x + FACE, y + FACE] for (x, y), _ in positions])
    assert np.abs(left.boxes - gt).max() < 5
    assert len(detector.looks) <= 3 * 7
    assert sum(near is None for near in detector.looks) <= 4


def test_boxes_are_smooth_although_detections_jitter():
    (one, _), _ = track([((20, 20), (110, 30))] * 75, detector=ScriptedDetector(jitter=1.5))
    assert np.abs(np.diff(one.boxes, axis=0)).max() < 0.5
    assert np.abs(one.boxes - [20, 20, 50, 50]).mean() < 1.5


def test_no_track_crosses_a_cut():
    # The same face at the same position before another background.
    before = painted([((20, 20), None)] * 40, background=40)
    after = painted([((20, 20), None)] * 40, background=(30, 200, 90))
    tracks = FaceTracker(detector=ScriptedDetector()).track(
        Frames(np.concatenate([before, after]), fps=25.0)
    )
    assert [(each.first, each.stop) for each in tracks] == [(0, 40), (40, 80)]


def test_a_short_gap_is_filled_and_a_long_one_ends_the_track():
    hidden = [((20, 20), None)] * 25 + [(None, None)] * 10 + [((24, 20), None)] * 25
    (one,), _ = track(hidden)
    assert (one.first, one.stop) == (0, 60)
    away = [((20, 20), None)] * 25 + [(None, None)] * 40 + [((24, 20), None)] * 25
    tracks, _ = track(away)
    assert len(tracks) == 2


def test_another_face_at_the_same_position_is_another_track():
    linker = FaceLinker(max_gap=5)
    box = np.array([[40.0, 30, 70, 60]])
    for frame, color in enumerate(('left', 'left', 'right', 'right')):
        image = np.full((90, 160, 3), SKIN[color], np.uint8)
        assert linker.add(frame, image, box) == []
    assert [track.frames for track in linker.finish()] == [[0, 1], [2, 3]]


def test_small_faces_and_videos_without_faces_have_no_tracks_and_are_logged(monkeypatch):
    lines = []
    monkeypatch.setattr(face_tracker, 'print_log', lambda line, **_: lines.append(line))

    def logged(positions, face):
        lines.clear()
        found, _ = track(positions, face=face)
        return len(found), ' '.join(lines)

    both = [((20, 20), (60, 20))] * 30
    assert logged(both, face=20) == (2, '')
    count, message = logged(both, face=19)
    assert count == 0
    assert 'faces of less than 20 pixels are left out' in message
    assert 'no face is visible for 0.4 s' in message
    count, message = logged([(None, None)] * 30, face=20)
    assert count == 0
    assert 'less than' not in message
    assert 'no face is visible for 0.4 s' in message


def test_thirty_faces_are_thirty_tracks():
    class Grid:
        def detect(self, image, *, near=None):
            x, y = np.meshgrid(np.arange(6) * 40.0, np.arange(5) * 40.0)
            corner = np.stack([x, y], -1).reshape(-1, 2)
            return np.concatenate([corner, corner + 30], 1), np.ones(30)

    images = np.random.default_rng(0).integers(0, 255, (1, 200, 240, 3), np.uint8)
    frames = Frames(np.repeat(images, 25, 0), fps=25.0)
    assert len(FaceTracker(detector=Grid()).track(frames)) == 30


@pytest.mark.parametrize(
    ('fps', 'expected'),
    [(25.0, range(10)), (50.0, range(0, 10, 2)), (12.5, np.repeat(range(10), 2))],
)
def test_crops_are_25_per_second_at_any_frame_rate(fps, expected):
    ticks = ticks_of(FaceTrack(0, np.zeros((10, 4))), fps)
    assert (ticks.first, ticks.frames.tolist()) == (0, list(expected))


@pytest.mark.parametrize('fps', [8.0, 23.976, 29.97, 120.0])
def test_ticks_of_a_track_show_the_frame_of_their_time(fps):
    track = FaceTrack(7, np.zeros((40, 4)))
    ticks = ticks_of(track, fps)
    times = (ticks.first + np.arange(len(ticks.frames))) / 25
    assert (ticks.frames >= 7).all()
    assert (ticks.frames <= 46).all()
    assert (np.abs(ticks.frames / fps - times) < max(1 / fps, 0.001) + 0.01).all()


def test_crops_show_the_face_and_repeat_the_border_outside_of_the_image():
    image = painted([((-10, 20), None)])[0]
    crop = crop_face(image, np.array([-10.0, 20, 20, 50]))
    gray = cv2.cvtColor(np.full((1, 1, 3), SKIN['left'], np.uint8), cv2.COLOR_RGB2GRAY)[0, 0]
    assert crop.shape == (112, 112)
    assert (crop == gray).all()
    assert not crop_face(image, np.array([-60.0, 20, -30, 50])).any()


def test_all_crops_of_a_video_are_cut_in_one_pass():
    positions = [((20, 20), (100, 30))] * 30
    frames = Frames(painted(positions), fps=12.5)
    box = np.array([20.0, 20, 50, 50])
    tracks = [FaceTrack(3, np.tile(box, (20, 1))), FaceTrack(10, np.tile(box + 80, (5, 1)))]
    found = list(face_crops(frames, tracks))
    assert frames.read == sorted(set(frames.read))
    totals = [sum(count for index, count, _ in found if index == i) for i in (0, 1)]
    assert totals == [40, 10]


def test_blazeface_finds_nothing_in_noise_and_searches_only_near():
    image = np.random.default_rng(0).integers(0, 255, (80, 120, 3), np.uint8)
    boxes, scores = BlazeFace(tiles=False).detect(image, near=np.array([[10.0, 10, 40, 40]]))
    assert boxes.shape == (0, 4)
    assert scores.shape == (0,)


def test_dlib_finds_nothing_in_a_blank_image():
    pytest.importorskip('dlib')
    boxes, scores = DlibFaces().detect(np.zeros((100, 100, 3), np.uint8))
    assert boxes.shape == (0, 4)
    assert scores.shape == (0,)


def test_missing_and_wrong_weights_of_yunet_are_named(tmp_path):
    wrong = tmp_path / 'yunet.onnx'
    with pytest.raises(ModelUnavailable, match=re.escape(str(wrong))):
        YuNet(weights=str(wrong)).detect(np.zeros((64, 64, 3), np.uint8))
    wrong.write_bytes(b'no network')
    with pytest.raises(ModelUnavailable, match='YuNet cannot open'):
        YuNet(weights=str(wrong)).detect(np.zeros((64, 64, 3), np.uint8))
