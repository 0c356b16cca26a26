"""Face tracks and crops by the rules of the published demos."""

import numpy as np
import pytest

from avis.avtracker.face_tracks.face_track import FaceTrack
from avis.avtracker.face_tracks.official import crop_windows, cut_face, link_faces, resize_cut

BOX = [10.0, 20.0, 30.0, 44.0]
NONE = np.zeros((0, 4))


def faces(*boxes: list[float]) -> np.ndarray:
    return np.array(boxes)


def test_a_gap_of_ten_frames_ends_a_track_and_a_shorter_one_is_filled() -> None:
    moved = [12.0, 20.0, 32.0, 44.0]
    before, after = [faces(BOX)] * 11, [faces(moved)] * 11
    (track,) = link_faces([*before, *[NONE] * 9, *after], first=5)
    assert (track.first, track.stop) == (5, 36)
    np.testing.assert_allclose(track.boxes[15], [11, 20, 31, 44])  # halfway through the gap
    assert len(link_faces([*before, *[NONE] * 10, *after])) == 2


def test_the_faces_of_a_track_of_ten_are_lost() -> None:
    assert link_faces([faces(BOX)] * 10) == []


def test_the_face_after_a_taken_one_is_passed_over() -> None:
    other = [100.0, 20.0, 130.0, 50.0]
    tracks = link_faces([faces(BOX, other)] * 12)
    assert [track.boxes[0].tolist() for track in tracks] == [BOX, other]
    overlapping = [11.0, 20.0, 31.0, 44.0]
    # Of three overlapping faces per frame, a track takes the first and the third.
    (first, *rest) = link_faces([faces(BOX, overlapping, BOX)] * 12)
    assert len(first.boxes) == 12
    assert len(rest) == 1


def test_zeros_outside_of_a_track_shrink_its_first_crops() -> None:
    windows = crop_windows(FaceTrack(0, np.tile(BOX, (20, 1))))
    assert windows.half_sizes[6:14] == pytest.approx([12.0] * 8)
    boxes = np.array([[0, 0, 2 * s, 2 * s] for s in np.arange(1.0, 21)])
    grows = crop_windows(FaceTrack(0, boxes))
    assert grows.half_sizes[0] == pytest.approx(1.0)  # the smallest of the seven there are
    assert grows.half_sizes[10] == pytest.approx(11.0)


def test_a_cut_has_2_8_half_sizes_and_gray_borders() -> None:
    image = np.zeros((40, 50, 3), np.uint8)
    cut = cut_face(image, half_size=10, x=0, y=20)
    assert cut.shape == (28, 28, 3)
    assert (cut[:, :14] == 110).all()
    assert not cut[:, 14:].any()
    assert resize_cut(cut).shape == (224, 224, 3)
