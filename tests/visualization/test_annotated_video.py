from fractions import Fraction

import av
import numpy as np
import pytest

from avis.structures.mask_track import MaskTrack
from avis.structures.video_result import TrackResult, Utterance, VideoResult
from avis.utils.mp4 import write_mp4
from avis.visualization import timeline
from avis.visualization.annotated_video import display_size, write_annotated_video
from avis.visualization.captions import BACKGROUND
from avis.visualization.colors import identity_color
from avis.visualization.timeline import read_thumbnails, write_timeline
from tests.helpers.odd_media import beep_starts

HEIGHT, WIDTH, LENGTH, FPS, RATE = 48, 64, 8, 8, 16000
FACTOR = 5
FLASH = slice(4, 6)  # frames
TOP, BOTTOM = FACTOR * HEIGHT, FACTOR * WIDTH


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    """Record and result of a gray video with a flash and a beep, a speaker and a listener."""
    path = str(tmp_path_factory.mktemp('clip') / 'clip.mp4')
    frames = np.full((LENGTH, HEIGHT, WIDTH, 3), 100, np.uint8)
    frames[FLASH, :10, -10:] = 255
    audio = np.zeros(RATE, np.int16)
    beep = slice(FLASH.start * RATE // FPS, FLASH.stop * RATE // FPS)
    audio[beep] = 12000 * np.sin(np.arange(beep.stop - beep.start) * 2 * np.pi * 1000 / RATE)
    write_mp4(path, frames, fps=FPS, audio=audio, sample_rate=RATE)
    record = {
        'video_id': 1,
        'video_name': 'clip',
        'frames': path,
        'audio': path,
        'fps': float(FPS),
        'length': LENGTH,
        'height': HEIGHT,
        'width': WIDTH,
    }
    masks = np.zeros((2, LENGTH, HEIGHT, WIDTH), bool)
    masks[0, :, 20:46, 6:26] = True
    masks[1, 2:, 20:46, 36:56] = True
    sounding = np.zeros((2, LENGTH), bool)
    sounding[0, FLASH] = True
    tracks = [
        TrackResult(k + 1, name, MaskTrack.from_dense(masks[k]), sounding[k])
        for k, name in enumerate(['Ann', 'Bob'])
    ]
    words = [Utterance(0.5, 0.75, 'Hello everybody, how are you?', 1)]
    return record, VideoResult('clip', float(FPS), LENGTH, HEIGHT, WIDTH, tracks, words)


@pytest.fixture(scope='module')
def written(clip, tmp_path_factory):
    """Frames, frame rate and audio of the annotated video."""
    path = tmp_path_factory.mktemp('written') / 'video.mp4'
    write_annotated_video(path, *clip)
    return read(path)


def read(path):
    with av.open(str(path)) as video:
        fps = float(video.streams.video[0].average_rate)
        images = np.stack([one.to_ndarray(format='rgb24') for one in video.decode(video=0)])
    with av.open(str(path)) as video:
        if not video.streams.audio:
            return images, fps, None
        return images, fps, np.concatenate([one.to_ndarray()[0] for one in video.decode(audio=0)])


def near(pixels, color, tolerance=30):
    return (np.abs(pixels.astype(int) - color).max(-1) < tolerance).mean()


def test_frames_are_enlarged_and_of_an_even_size(written):
    images, fps, _ = written
    assert fps == 24
    assert len(images) == 24 * LENGTH // FPS
    height, width = images.shape[1:3]
    assert width == FACTOR * WIDTH
    assert height > FACTOR * HEIGHT
    assert height % 2 == width % 2 == 0


def test_flash_and_beep_and_sounding_are_at_the_same_time(written):
    images, _, audio = written
    flash = images[:, 5:40, -40:-5].mean((1, 2, 3)) > 200
    assert np.flatnonzero(flash)[[0, -1]].tolist() == [12, 17]
    assert beep_starts(audio) == pytest.approx([FLASH.start / FPS], abs=0.02)
    # Inside of Ann, below her head.
    tint = 0.8 * 100 + 0.2 * np.array(identity_color(0))
    body = images[:, 44 * FACTOR, 10 * FACTOR : 20 * FACTOR]
    sounds = [near(one, tint, 8) > 0.8 for one in body]
    assert np.flatnonzero(sounds)[[0, -1]].tolist() == [12, 17]


def test_lanes_and_cursor_below_the_frame(written):
    images, _, _ = written
    color = np.array(identity_color(0))
    strip = images[:, TOP:]
    row = int(np.argmax([near(line, color, 40) for line in strip[0]])) + 3
    columns = np.flatnonzero(np.abs(strip[0, row].astype(int) - color).max(-1) < 40)
    columns = columns[columns > 30]
    middle = (columns[0] + columns[-1]) / 2
    cursors = []
    for image in strip:
        white = (image[row - 8 : row - 4] > 150).all((0, 2))  # between the lane and the waveform
        cursors.append(int(np.flatnonzero(white)[0]))
    steps = np.diff(cursors)
    assert steps.min() > 0
    assert steps.max() - steps.min() <= 2
    # The cursor passes the middle of the sounding part in the middle of the flash, 15 of 24 frames.
    assert np.interp(15, np.arange(24), cursors) == pytest.approx(middle, abs=3)


def test_caption_is_shown_while_it_is_said(written):
    images, _, _ = written
    band = images[:, TOP : TOP + 30]
    shown = [near(one, BACKGROUND, 12) < 0.99 for one in band]
    assert np.flatnonzero(shown)[[0, -1]].tolist() == [12, 17]


def test_labels_cover_no_head_and_stay_in_the_frame(clip, tmp_path):
    """Without labels the same video differs above the heads only."""
    record, result = clip
    paths = [tmp_path / f'{k}.mp4' for k in range(2)]
    write_annotated_video(paths[0], record, result, strip=False, captions=False)
    named = [TrackResult(t.id, '', t.masks, t.sounding) for t in result.tracks]
    speech = [Utterance(0, 1, '', 1)]  # without words: no captions
    nameless = VideoResult('clip', float(FPS), LENGTH, HEIGHT, WIDTH, named, speech)
    write_annotated_video(paths[1], record, nameless, strip=False)
    with_labels, without = (read(path)[0].astype(int) for path in paths)
    assert with_labels.shape[1:3] == (TOP, BOTTOM)
    differs = np.abs(with_labels - without).max(-1) > 60
    rows, columns = np.nonzero(differs[10])
    assert rows.max() < 20 * FACTOR
    assert rows.min() > 0
    assert {bool(side) for side in columns > 32 * FACTOR} == {False, True}


def test_styles_differ_and_wrong_ones_raise(clip, tmp_path):
    record, result = clip
    write_annotated_video(tmp_path / 'a.mp4', record, result, style='box', strip=False)
    images, _, _ = read(tmp_path / 'a.mp4')
    assert near(images[14, 30 * FACTOR : 40 * FACTOR, 10 * FACTOR : 20 * FACTOR], 100, 8) > 0.95
    with pytest.raises(ValueError, match="got 'blob'"):
        write_annotated_video(tmp_path / 'b.mp4', record, result, style='blob')


def test_some_frames_of_a_record_are_shown(clip, tmp_path):
    record, result = clip
    part = [
        TrackResult(t.id, t.name, MaskTrack(HEIGHT, WIDTH, t.masks.rles[3:6]), t.sounding[3:6])
        for t in result.tracks
    ]
    shown = VideoResult('clip', float(FPS), 3, HEIGHT, WIDTH, part)
    write_annotated_video(tmp_path / 'a.mp4', record, shown, frame_ids=np.arange(3, 6))
    images, _, audio = read(tmp_path / 'a.mp4')
    flash = images[:, 5:40, -40:-5].mean((1, 2, 3)) > 200
    assert np.flatnonzero(flash)[[0, -1]].tolist() == [3, 8]
    assert beep_starts(audio) == pytest.approx([1 / FPS], abs=0.02)


@pytest.mark.parametrize(
    ('size', 'aspect', 'expected'),
    [
        ((82, 392), 1, (246, 1176)),
        ((1080, 1920), 1, (1080, 1920)),
        ((48, 64), 1, (240, 320)),
        ((480, 720), Fraction(8, 9), (540, 720)),
        ((480, 720), Fraction(32, 27), (480, 853)),
        ((1, 1), 1, (240, 240)),
    ],
)
def test_display_size_keeps_the_aspect_ratio(size, aspect, expected):
    assert display_size(*size, aspect) == expected


def test_timeline_is_1200_pixels_wide_with_lanes_and_thumbnails(clip, tmp_path):
    import cv2

    record, result = clip
    write_timeline(tmp_path / 'timeline.png', record, result)
    image = cv2.imread(str(tmp_path / 'timeline.png'))[..., ::-1]
    assert image.shape[1] == 1200
    for k in range(2):
        color = np.array(identity_color(k))
        rows, columns = np.nonzero((image == color).all(-1))
        assert len(rows) > 100  # frame of the thumbnail, and the lane if it sounds
        thumbnail = image[rows.min() + 6 : rows.min() + 50, columns.min() + 6 : columns.min() + 50]
        assert 60 < thumbnail.mean() < 140
    lane = np.flatnonzero((image == identity_color(0)).all(-1).sum(0) > 30)
    lane = lane[lane > 260]
    span = 1200 - timeline._LEFT - timeline._RIGHT
    assert lane[0] == pytest.approx(250 + span * FLASH.start / LENGTH, abs=2)
    assert lane[-1] == pytest.approx(250 + span * FLASH.stop / LENGTH, abs=2)


def test_thumbnails_show_the_upper_part_of_the_mask_while_it_sounds(clip):
    record, result = clip
    first, second = read_thumbnails(record, np.arange(LENGTH), result.tracks)
    assert first.shape == second.shape
    assert first.shape[0] == first.shape[1]
    nothing = TrackResult(3, 'x', MaskTrack(HEIGHT, WIDTH, [None] * LENGTH), np.zeros(LENGTH, bool))
    assert read_thumbnails(record, np.arange(LENGTH), [nothing]) == [None]


def test_result_without_tracks_or_audio_is_drawn(clip, tmp_path):
    record = {**clip[0], 'audio': None}
    empty = VideoResult('clip', float(FPS), LENGTH, HEIGHT, WIDTH)
    write_annotated_video(tmp_path / 'a.mp4', record, empty)
    assert read(tmp_path / 'a.mp4')[2] is None
    write_timeline(tmp_path / 'a.png', record, empty)
    assert (tmp_path / 'a.png').stat().st_size > 1000
