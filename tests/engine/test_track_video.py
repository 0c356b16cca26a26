import av
import numpy as np
import pytest
import soundfile
import torch
from mmengine.structures import InstanceData

from avis.apis import video_record
from avis.engine import track_video
from avis.engine.track_video import write_track_video
from avis.structures.av_data_sample import AVDataSample
from avis.structures.mask_track import MaskTrack
from avis.visualization.tracks import identity_color
from tests.helpers.painted import SIZE, mask_of, passing, write_video

SCENE = [{0: (20, 10)}, {}, {0: (30, 10)}]


def sample_of(number=1, **meta):
    masks = np.stack([mask_of(b[0]) if b else np.zeros(SIZE, bool) for b in SCENE])
    sample = AVDataSample(metainfo=meta)
    sample.pred_tracks = InstanceData(
        ids=torch.tensor([number]),
        labels=torch.tensor([0]),
        scores=torch.tensor([0.5]),
        masks=[MaskTrack.from_dense(masks)],
    )
    return sample


def read(path):
    with av.open(str(path)) as video:
        images = [frame.to_ndarray(format='rgb24') for frame in video.decode(video=0)]
    with av.open(str(path)) as video:
        if not video.streams.audio:
            return images, None
        blocks = [frame.to_ndarray()[0] for frame in video.decode(audio=0)]
    return images, np.concatenate(blocks)


def test_identity_keeps_its_color(tmp_path):
    source = write_video(tmp_path / 'a.mp4', [{}] * 3, audio=False)
    write_track_video(tmp_path / 'video.mp4', video_record(source), sample_of(3))
    images, audio = read(tmp_path / 'video.mp4')
    assert len(images) == 9
    assert audio is None
    tint = 0.55 * 128 + 0.45 * np.array(identity_color(3))
    # Inside the box, away from its label and outline.
    assert np.abs(images[1][15:17, 23:26].mean((0, 1)) - tint).max() < 45
    assert np.abs(images[4].astype(int) - 128).max() < 12
    assert np.abs(images[7][15:17, 33:36].mean((0, 1)) - tint).max() < 45


@pytest.mark.parametrize('rate', [16000, 4410])
def test_audio_is_written_from_blocks_or_at_once(tmp_path, monkeypatch, rate):
    monkeypatch.setattr(track_video, '_BLOCK_SECONDS', 0.5)
    source = write_video(tmp_path / 'a.mp4', passing(30), audio=False)
    time = np.arange(3 * rate) / rate
    soundfile.write(tmp_path / 'a.wav', (0.5 * np.sin(2 * np.pi * 440 * time)), rate)
    record = video_record(source, tmp_path / 'a.wav')
    sample = AVDataSample()
    sample.pred_tracks = InstanceData(
        **{key: torch.zeros(0) for key in ('ids', 'labels', 'scores')}, masks=[]
    )
    write_track_video(tmp_path / 'video.mp4', record, sample)
    audio = read(tmp_path / 'video.mp4')[1][:48000]
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(48000) / 16000)
    middle = slice(2000, 46000)
    # AAC keeps the tone; a seam between two blocks would show as a click.
    assert np.abs(audio[middle] - expected[middle]).max() < 0.1


def test_video_of_non_consecutive_frames_has_no_audio(tmp_path):
    source = write_video(tmp_path / 'a.mp4', passing(30))
    sample = sample_of(frame_ids=np.array([0, 4, 8]))
    write_track_video(tmp_path / 'video.mp4', video_record(source), sample)
    assert read(tmp_path / 'video.mp4')[1] is None


def test_class_names_are_drawn(tmp_path, monkeypatch):
    captions = []
    draw = track_video.draw_tracks

    def remember(frame, masks, texts):
        captions.append([texts[number] for number in masks])
        return draw(frame, masks, texts)

    monkeypatch.setattr(track_video, 'draw_tracks', remember)
    source = write_video(tmp_path / 'a.mp4', [{}] * 3)
    write_track_video(tmp_path / 'b.mp4', video_record(source), sample_of(), classes=('person',))
    assert captions == [['person 1'], [], ['person 1']]


def test_gt_is_shown_beside_the_prediction(tmp_path):
    source = write_video(tmp_path / 'a.mp4', [{}] * 3, audio=False)
    sample = sample_of(3)
    sample.gt_tracks = sample_of(1).pred_tracks
    write_track_video(tmp_path / 'video.mp4', video_record(source), sample, gt=True)
    images, _ = read(tmp_path / 'video.mp4')
    assert images[0].shape[1] >= 2 * SIZE[1]
    title = images[0].shape[0] - SIZE[0]
    left, right = (
        images[1][title + 15 : title + 17, : SIZE[1]],
        images[1][title + 15 : title + 17, -SIZE[1] :],
    )
    for half, number in ((left, 1), (right, 3)):
        tint = 0.55 * 128 + 0.45 * np.array(identity_color(number))
        assert np.abs(half[:, 23:26].mean((0, 1)) - tint).max() < 50
