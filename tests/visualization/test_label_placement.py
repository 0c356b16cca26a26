import numpy as np
import pytest

from avis.visualization.label_placement import LabelPlacer, head_region

FRAME = (240, 320)


def overlap(box, other):
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    return max(width, 0) * max(height, 0)


def place(heads, sizes=None, placer=None):
    sizes = sizes or dict.fromkeys(heads, (60, 16))
    points = (placer or LabelPlacer()).place(sizes, heads, FRAME)
    return {k: (x, y, x + sizes[k][0], y + sizes[k][1]) for k, (x, y) in points.items()}


def test_label_is_centered_above_the_head():
    assert place({1: (100, 80, 140, 130)}) == {1: (90, 62, 150, 78)}


@pytest.mark.parametrize(
    'head', [(0, 0, 60, 80), (260, 0, 320, 80), (100, 0, 180, 240), (0, 3, 320, 220)]
)
def test_label_is_beside_or_below_a_head_at_the_border_and_in_the_frame(head):
    (box,) = place({1: head}).values()
    assert overlap(box, head) == 0
    assert box[0] >= 0
    assert box[1] >= 0
    assert box[2] <= FRAME[1]
    assert box[3] <= FRAME[0]


def test_labels_of_neighbors_cover_no_face_and_not_each_other():
    heads = {k: (10 + 22 * k, 40 + 7 * (k % 3), 40 + 22 * k, 90) for k in range(10)}
    boxes = list(place(heads).values())
    for k, box in enumerate(boxes):
        assert all(overlap(box, head) == 0 for head in heads.values())
        assert all(overlap(box, other) == 0 for other in boxes[:k])


def test_label_avoids_faces_without_a_label():
    heads = {1: (100, 80, 140, 130), 2: (90, 40, 150, 79)}
    (box,) = place(heads, {1: (60, 16)}).values()
    assert overlap(box, heads[2]) == 0


def test_label_follows_its_head_and_does_not_jump():
    placer, before = LabelPlacer(), None
    for shift in range(40):
        head = (100 + shift, 80 + shift % 2, 140 + shift, 130)
        (box,) = place({1: head}, placer=placer).values()
        if before is not None:
            assert np.abs(np.subtract(box, before)).max() <= 2
        before = box


def test_head_is_the_upper_part_without_shoulders():
    figure = np.zeros((100, 60), bool)
    figure[10:20, 25:35] = True  # head
    figure[20:95, 15:45] = True  # shoulders, 30 wide
    assert head_region(figure) == (15, 10, 45, 40) or head_region(figure)[3] == 40
    portrait = np.zeros((100, 120), bool)
    portrait[10:60, 40:80] = True
    portrait[60:100, 10:110] = True
    left, top, right, bottom = head_region(portrait)
    assert (left, top, right) == (40, 10, 80)
    assert bottom == 10 + 72
    dot = np.zeros((5, 5), bool)
    dot[4, 4] = True
    assert head_region(dot) == (4, 4, 5, 5)
