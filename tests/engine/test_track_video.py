import av
import numpy as np
import pytest
import soundfile
import torch
from mmengine.structures import InstanceData

from avis.apis import video_record
from avis.engine.track_video import write_track_video
from avis.structures.av_data_sample import AVDataSample
from avis.structures.mask_track import MaskTrack
from avis.visualization import annotated_video, record_media
from avis.visualization.annotated_video import display_size
from avis.visualization.colors import identity_color
from tests.helpers.painted import SIZE, mask_of, passing, write_video

SCENE = [{0: (20, 10)}, {}, {0: (30, 10)}]
FACTOR = display_size(*SIZE)[0] // SIZE[0]


def instances(*scenes):
    tracks = [
        MaskTrack.from_dense(np.stack([mask_of(b[0]) if b else np.zeros(SIZE, bool) for b in s]))
        for s in scenes
    ]
    return InstanceData(
        ids=torch.arange(1, len(scenes) + 1),
        labels=torch.zeros(len(scenes), dtype=torch.int64),
        scores=torch.full((len(scenes),), 0.5),
        masks=tracks,
    )


def sample_of(*scenes, **meta):
    sample = AVDataSample(metainfo=meta)
    sample.pred_tracks = instances(*scenes)
    return sample


def read(path):
    with av.open(str(path)) as video:
        images = [frame.to_ndarray(format='rgb24') for frame in video.decode(video=0)]
    with av.open(str(path)) as video:
        if not video.streams.audio:
            return images, None
        blocks = [frame.to_ndarray()[0] for frame in video.decode(audio=0)]
    return images, np.concatenate(blocks)


def tint(number):
    return 0.8 * 128 + 0.2 * np.array(identity_color(number))


def box_color(image, left, top=0):
    """Mean color in the middle of a painted box; ``left`` and ``top`` as in the source."""
    y, x = (slice(FACTOR * (k + 3), FACTOR * (k + 5)) for k in (top, left))
    return image[y, x].mean((0, 1))


def test_identity_keeps_its_color(tmp_path):
    source = write_video(tmp_path / 'a.mp4', [{}] * 3, audio=False)
    write_track_video(tmp_path / 'video.mp4', video_record(source), sample_of(SCENE))
    images, audio = read(tmp_path / 'video.mp4')
    assert len(images) == 9
    assert audio is None
    assert np.abs(box_color(images[1], 20, 10) - tint(0)).max() < 8
    assert np.abs(images[4][: FACTOR * SIZE[0]].astype(int) - 128).max() < 12
    assert np.abs(box_color(images[7], 30, 10) - tint(0)).max() < 8


@pytest.mark.parametrize('rate', [16000, 4410])
def test_audio_is_written_from_blocks_or_at_once(tmp_path, monkeypatch, rate):
    monkeypatch.setattr(record_media, '_BLOCK_SECONDS', 0.5)
    source = write_video(tmp_path / 'a.mp4', passing(30), audio=False)
    time = np.arange(3 * rate) / rate
    soundfile.write(tmp_path / 'a.wav', (0.5 * np.sin(2 * np.pi * 440 * time)), rate)
    record = video_record(source, tmp_path / 'a.wav')
    write_track_video(tmp_path / 'video.mp4', record, sample_of())
    audio = read(tmp_path / 'video.mp4')[1][:48000]
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(48000) / 16000)
    middle = slice(2000, 46000)
    # AAC keeps the tone; a seam between two blocks would show as a click.
    assert np.abs(audio[middle] - expected[middle]).max() < 0.1


def test_video_of_non_consecutive_frames_has_no_audio(tmp_path):
    source = write_video(tmp_path / 'a.mp4', passing(30))
    sample = sample_of(SCENE, frame_ids=np.array([0, 4, 8]))
    write_track_video(tmp_path / 'video.mp4', video_record(source), sample)
    images, audio = read(tmp_path / 'video.mp4')
    assert len(images) == 9
    assert audio is None


def test_class_names_are_drawn(tmp_path, monkeypatch):
    texts = []
    draw = annotated_video.draw_tracks

    def remember(frame, masks, labels, **options):
        texts.append(list(labels.values()))
        return draw(frame, masks, labels, **options)

    monkeypatch.setattr(annotated_video, 'draw_tracks', remember)
    source = write_video(tmp_path / 'a.mp4', [{}] * 3)
    write_track_video(
        tmp_path / 'b.mp4', video_record(source), sample_of(SCENE), classes=('person',)
    )
    assert texts == [['person 1'], [], ['person 1']]


def test_gt_is_beside_the_prediction_in_the_same_colors(tmp_path):
    source = write_video(tmp_path / 'a.mp4', [{}] * 3, audio=False)
    other = [{0: (48, 0)}] * 3
    sample = sample_of(other, SCENE)
    sample.gt_tracks = instances(SCENE)
    write_track_video(tmp_path / 'video.mp4', video_record(source), sample, gt=True)
    images, _ = read(tmp_path / 'video.mp4')
    width, height = FACTOR * SIZE[1], FACTOR * SIZE[0]
    assert images[0].shape[1] >= 2 * width
    # Titles are above, the lanes of three tracks below.
    title = next(k for k in range(100) if np.abs(images[4][k, :8].astype(int) - 128).max() < 20)
    left, right = (
        images[1][title : title + height, part] for part in (slice(width), slice(-width, None))
    )
    assert np.abs(box_color(left, 20, 10) - tint(0)).max() < 8
    assert np.abs(box_color(right, 20, 10) - tint(0)).max() < 8
    assert np.abs(box_color(right, 48) - tint(1)).max() < 8
