import sys

import cv2
import numpy as np
import pytest

from avis.avtracker.instance_trackers.detections import make_detections
from avis.avtracker.instance_trackers.mask_folder import MaskFolder
from avis.avtracker.instance_trackers.sam2_video import SAM2Video
from avis.avtracker.instance_trackers.sam3_video import SAM3Video
from avis.avtracker.instance_trackers.windowed_tracking import stitch_windows
from avis.structures.masks import decode_rle, mask_box
from avis.structures.media import NO_DETECTIONS, FrameDetections
from tests.helpers.people import noise_frames
from tests.helpers.tiny_transformers import save_sam2_video, save_sam3_video


class FixedDetector:
    """A detector that returns the given boxes, one list per call; the last list is repeated.

    The masks of an untrained network cover nearly the whole image: big boxes overlap them, small
    ones do not.
    """

    BIG, SMALL = (2, 2, 70, 46), (5, 5, 15, 15)

    def __init__(self, *boxes_by_call):
        self.boxes_by_call, self.calls = boxes_by_call, 0

    def detect(self, image, *, prompt):
        boxes = self.boxes_by_call[min(self.calls, len(self.boxes_by_call) - 1)]
        self.calls += 1
        scores = [0.9, 0.8][: len(boxes)]
        return np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32)


@pytest.fixture(scope='module')
def sam2(tmp_path_factory):
    return str(save_sam2_video(tmp_path_factory.mktemp('models') / 'sam2'))


@pytest.fixture(scope='module')
def sam3(tmp_path_factory):
    return str(save_sam3_video(tmp_path_factory.mktemp('models') / 'sam3'))


def check(found, frames):
    """Check the interface of instance trackers."""
    assert [frame for frame, _ in found] == list(range(len(frames)))
    for _, one in found:
        assert isinstance(one, FrameDetections)
        assert list(one.ids) == sorted(set(one.ids.tolist()))
        assert one.boxes.shape == (len(one), 4)
        assert len(one.scores) == len(one.masks) == len(one)
        assert all(tuple(mask['size']) == frames.size for mask in one.masks)
    return found


def test_sam3_tracks_what_the_prompt_names(sam3):
    frames = noise_frames(4)
    found = check(list(SAM3Video(model=sam3).track(frames, prompt='person')), frames)
    assert list(found[0][1].ids) == [0, 1, 2]
    other = list(SAM3Video(model=sam3).track(frames, prompt='a red car'))
    assert not np.array_equal(found[0][1].scores, other[0][1].scores)


@pytest.mark.parametrize('size', [(1, 64), (3, 64), (64, 1), (3, 3)])
def test_images_of_a_few_rows_keep_their_axes(sam2, sam3, size):
    frames = noise_frames(2, size=size)
    height, width = size
    whole = SAM2Video(model=sam2, detector=FixedDetector([(0, 0, width, height)]))
    for tracker in (SAM3Video(model=sam3), whole):
        found = check(list(tracker.track(frames, prompt='person')), frames)
        assert len(found[0][1])


def test_sam3_loads_one_window_at_a_time(sam3, monkeypatch):
    frames = noise_frames(7)
    tracker = SAM3Video(model=sam3, window_frames=3, overlap=1)
    sessions = []
    start = tracker._network[0].init_video_session

    def init(*, video, **kwargs):
        sessions.append(len(video))
        return start(video=video, **kwargs)

    monkeypatch.setattr(tracker._network[0], 'init_video_session', init)
    check(list(tracker.track(frames, prompt='person')), frames)
    assert sessions == [3, 3, 3]
    assert max(frames.read[:3]) == 2  # later frames are read later


@pytest.mark.parametrize('count', [1, 7])
@pytest.mark.parametrize('window_frames', [None, 3])
def test_sam2_tracks_boxes(sam2, count, window_frames):
    frames = noise_frames(count)
    detector = FixedDetector([FixedDetector.BIG])
    tracker = SAM2Video(detector=detector, model=sam2, window_frames=window_frames, overlap=1)
    found = check(list(tracker.track(frames, prompt='person')), frames)
    assert all(one.scores.tolist() == pytest.approx([0.9]) for _, one in found)
    if window_frames is None:
        assert all(list(one.ids) == [0] for _, one in found)
        assert detector.calls == (1 if count == 1 else 2)  # frames 0 and 4


def test_sam2_adds_objects_that_appear_later(sam2):
    frames = noise_frames(6)
    detector = FixedDetector([], [FixedDetector.BIG], [FixedDetector.BIG, FixedDetector.SMALL])
    tracker = SAM2Video(detector=detector, model=sam2, detect_every=2)
    found = check(list(tracker.track(frames, prompt='person')), frames)
    assert [one.ids.tolist() for _, one in found] == [[], [], [0], [0], [0, 1], [0, 1]]
    assert found[-1][1].scores.tolist() == pytest.approx([0.9, 0.8])
    empty = SAM2Video(detector=FixedDetector([]), model=sam2)
    assert [len(one) for _, one in empty.track(frames, prompt='person')] == [0] * 6


@pytest.mark.parametrize('part', [SAM3Video(), SAM2Video(detector=FixedDetector([]))])
def test_missing_library_raises_import_error_on_first_use(part, monkeypatch):
    monkeypatch.setitem(sys.modules, 'transformers', None)
    with pytest.raises(ImportError, match=r"pip install 'avis\[vlm\]'"):
        list(part.track(noise_frames(2), prompt='person'))


def test_windows_that_cannot_share_are_refused():
    with pytest.raises(ValueError, match='window_frames=4 to share 0 to 3 frames, got overlap=4'):
        SAM3Video(window_frames=4, overlap=4)
    with pytest.raises(ValueError, match='SAM2Video'):
        SAM2Video(detector=FixedDetector([]), window_frames=4, overlap=-1)


def square(left, size=10):
    mask = np.zeros((20, 60), bool)
    mask[5 : 5 + size, left : left + size] = True
    return mask


def frame(**lefts):
    """Detections by id: ``frame(i3=10)`` is object 3 at column 10."""
    ids = [int(name[1:]) for name in lefts]
    return make_detections(ids, [1.0] * len(ids), [square(left) for left in lefts.values()])


def test_ids_continue_across_windows():
    windows = [
        (0, [frame(i0=0, i1=30), frame(i0=2, i1=32), frame(i0=4, i1=34)]),
        (2, [frame(i0=35, i1=5, i2=50), frame(i0=37, i1=7, i2=50)]),  # swapped, and one is new
        (3, [frame(i5=50), frame(i5=50)]),
    ]
    found = list(stitch_windows(windows))
    assert [number for number, _ in found] == [0, 1, 2, 3, 4]
    assert [list(one.ids) for _, one in found] == [[0, 1], [0, 1], [0, 1], [0, 1, 2], [2]]
    left = {int(i): box[0] for i, box in zip(found[3][1].ids, found[3][1].boxes, strict=True)}
    assert left == {0: 7, 1: 37, 2: 50}


def test_single_window_is_unchanged_and_unmatched_objects_get_new_ids():
    alone = [(0, [frame(i7=0), NO_DETECTIONS])]
    assert [list(one.ids) for _, one in stitch_windows(alone)] == [[7], []]
    unmatched = [*alone, (2, [frame(i7=0)])]  # no shared frame
    assert [list(one.ids) for _, one in stitch_windows(unmatched)] == [[7], [], [8]]
    assert list(stitch_windows([])) == []


def test_boxes_include_the_last_pixel():
    assert mask_box(square(10)) == (10, 5, 19, 14)
    assert mask_box(np.zeros((4, 4), bool)) == (0, 0, 0, 0)
    found = make_detections([4, 2], [0.4, 0.2], [square(0), square(30)])
    assert list(found.ids) == [2, 4]
    assert found.boxes.tolist() == [[30, 5, 39, 14], [0, 5, 9, 14]]
    np.testing.assert_array_equal(decode_rle(found.masks[1]), square(0))


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image.astype(np.uint8))


def test_mask_folder_reads_person_folders(tmp_path):
    for number in (0, 2):
        write(tmp_path / f'clip/a/frame_{number:05d}.png', 255 * square(number))
    write(tmp_path / 'clip/b/frame_00002.png', 255 * square(40))
    write(tmp_path / 'clip/b/frame_00001.png', 0 * square(40))
    frames = noise_frames(4, size=(20, 60), name='clip')
    part = MaskFolder(path=str(tmp_path / '{name}'))
    found = check(list(part.track(frames, prompt='person')), frames)
    assert [list(one.ids) for _, one in found] == [[0], [], [0, 1], []]
    np.testing.assert_array_equal(decode_rle(found[2][1].masks[1]), square(40))


def test_mask_folder_reads_merged_masks_from_frame_one(tmp_path):
    write(tmp_path / 'clip/1.png', 60 * square(0) + 120 * square(30))
    write(tmp_path / 'clip/2.png', 120 * square(30))
    (tmp_path / 'clip/._1.png').touch()  # written by macOS
    frames = noise_frames(2, size=(20, 60), name='clip')
    part = MaskFolder(path=str(tmp_path / '{name}'), layout='merged', first_frame=1)
    found = check(list(part.track(frames, prompt='person')), frames)
    assert [list(one.ids) for _, one in found] == [[60, 120], [120]]


def test_invalid_mask_files_raise_errors_with_their_names(tmp_path):
    frames = noise_frames(2, size=(20, 60), name='clip')
    part = MaskFolder(path=str(tmp_path / '{name}'), layout='merged')
    with pytest.raises(FileNotFoundError, match='clip does not exist'):
        list(part.track(frames, prompt='person'))
    write(tmp_path / 'clip/0.png', np.ones((4, 4)))
    with pytest.raises(ValueError, match=r'0\.png has size \(4, 4\), expected .*\(20, 60\)'):
        list(part.track(frames, prompt='person'))
    (tmp_path / 'clip/0.png').write_bytes(b'not a PNG')
    with pytest.raises(ValueError, match='cannot be read'):
        list(part.track(frames, prompt='person'))
    (tmp_path / 'clip/0.png').rename(tmp_path / 'clip/mask.png')
    with pytest.raises(ValueError, match='expected a frame number'):
        list(part.track(frames, prompt='person'))
    (tmp_path / 'clip/mask.png').rename(tmp_path / 'clip/a1.png')
    (tmp_path / 'clip/b01.png').touch()
    with pytest.raises(
        ValueError, match=r'b01\.png: expected one file per frame, got also a1\.png'
    ):
        list(part.track(frames, prompt='person'))
    with pytest.raises(ValueError, match='layout'):
        MaskFolder(path='x', layout='other')


def test_content_key_changes_with_the_files(tmp_path):
    write(tmp_path / 'clip/0.png', square(0))
    part = MaskFolder(path=str(tmp_path / '{name}'), layout='merged')
    before = part.content_key('clip')
    assert part.content_key('clip') == before
    write(tmp_path / 'clip/1.png', square(0))
    assert part.content_key('clip') != before
