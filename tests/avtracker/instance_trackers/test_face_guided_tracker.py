import numpy as np
import pytest

from avis.avtracker.instance_trackers.appearance_associator import AppearanceAssociator
from avis.avtracker.instance_trackers.face_guided_tracker import FaceGuidedBoxes, FaceGuidedTracker
from avis.structures.masks import decode_rle
from tests.helpers.people import Frames, crowd, talk


def overlap(one, other):
    return (one & other).sum() / (one | other).sum()


def test_synthetic_people_are_segmented_and_keep_their_ids():
    frames, _, people = talk(0)
    found = dict(FaceGuidedTracker().track(frames, prompt='person'))
    assert list(found) == list(range(len(frames)))
    assert frames.read == list(found)  # one frame after the other
    for masks in people.values():
        best, ids = [], []
        for frame in np.flatnonzero(masks.any(axis=(1, 2))):
            one = found[frame]
            values = [overlap(decode_rle(mask), masks[frame]) for mask in one.masks]
            best.append(max(values))
            ids.append(int(one.ids[int(np.argmax(values))]))
        assert np.mean(best) > 0.8
        assert max(ids.count(object_id) for object_id in ids) >= 0.9 * len(ids)


def test_masks_of_one_frame_do_not_overlap():
    frames, _, _ = talk(1)
    for _, one in FaceGuidedTracker().track(Frames(frames.images[:3]), prompt='person'):
        assert sum(decode_rle(mask).astype(int) for mask in one.masks).max() == 1


def test_people_behind_others_are_segmented():
    image, owner = crowd(2)
    ((_, found),) = FaceGuidedTracker().track(Frames([image]), prompt='person')
    masks = [decode_rle(mask) for mask in found.masks]
    people = [owner == number for number in np.unique(owner[owner > 0])]
    whole = [person for person in people if person.sum() > 2000]
    best = [max(overlap(mask, person) for mask in masks) for person in whole]
    assert len(whole) >= 4
    assert min(best) > 0.5
    assert np.mean(best) > 0.7


def test_videos_of_one_frame_and_without_people():
    blank = Frames(np.full((2, 48, 64, 3), 90, np.uint8))
    assert [len(one) for _, one in FaceGuidedTracker().track(blank, prompt='person')] == [0, 0]
    frames, _, _ = talk(0)
    alone = list(FaceGuidedTracker().track(Frames(frames.images[:1]), prompt='person'))
    assert len(alone) == 1
    assert len(alone[0][1]) >= 2


def test_tiles_can_be_switched_off():
    frames, _, _ = talk(0)
    small = np.zeros((1600, 1600, 3), np.uint8)
    small[:224, :224] = frames[0]
    found = {
        tiles: dict(FaceGuidedTracker(tiles=tiles).track(Frames([small]), prompt='person'))[0]
        for tiles in (True, False)
    }
    assert len(found[False]) < 2 <= len(found[True])


def test_prompts_for_other_objects_are_rejected():
    with pytest.raises(ValueError, match=r"people only: expected .* got 'dog'"):
        list(FaceGuidedTracker().track(Frames(np.zeros((1, 9, 9, 3), np.uint8)), prompt='dog'))
    with pytest.raises(ValueError, match='FaceGuidedBoxes'):
        FaceGuidedBoxes().detect(np.zeros((9, 9, 3), np.uint8), prompt='dog')


def test_face_guided_boxes():
    frames, _, _ = talk(0)
    boxes, scores = FaceGuidedBoxes().detect(frames[0], prompt='person')
    assert len(boxes) == len(scores) >= 2
    assert (boxes[:, 2:] > boxes[:, :2]).all()


def person(left, color, image):
    mask = np.zeros(image.shape[:2], bool)
    mask[5:25, left : left + 10] = True
    image[mask] = color
    return mask


def test_people_are_associated_by_colors_and_position():
    associator = AppearanceAssociator(memory=3)
    red, blue = (200, 0, 0), (0, 0, 200)

    def see(frame, **positions):
        image = np.full((30, 80, 3), 128, np.uint8)
        colors = {'red': red, 'blue': blue}
        masks = [person(left, colors[name], image) for name, left in positions.items()]
        return associator.associate(frame, image, masks)

    assert see(0, red=0, blue=40) == [0, 1]
    assert see(1, blue=42, red=2) == [1, 0]
    assert see(2, red=40, blue=2) == [0, 1]  # swapped positions
    assert see(3, blue=2) == [1]
    assert see(4, red=60, blue=2) == [0, 1]  # back at another position
    assert see(9, red=60) == [2]  # forgotten
    assert associator.associate(10, np.zeros((30, 80, 3), np.uint8), []) == []


def test_other_person_at_the_same_position_gets_a_new_id():
    associator = AppearanceAssociator()

    def see(frame, hair, clothes):
        image = np.full((30, 80, 3), 128, np.uint8)
        mask = person(20, clothes, image)
        image[5:9, 20:30] = hair
        return associator.associate(frame, image, [mask])

    blond, black, red, blue = (230, 200, 90), (20, 20, 20), (200, 0, 0), (0, 0, 200)
    assert see(0, blond, red) == [0]
    assert see(1, black, blue) == [1]
    assert see(2, blond, red) == [0]
    assert see(3, black, red) == [0]  # half of the colors and the position match
