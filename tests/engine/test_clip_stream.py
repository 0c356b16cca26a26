"""Semantic models predict every frame of a video, with the spacing and audio of their data set."""

import cv2
import numpy as np
import pytest
import soundfile

from avis.apis import predict_video, video_record
from avis.datasets.transforms.geometry import ResizeClip
from avis.datasets.transforms.sampling import PadFrames
from avis.structures.masks import encode_mask
from tests.helpers.painted import mask_of, paint, passing
from tests.helpers.painted_semantic import RATE, PaintedSegmentor

SCENE = passing(63)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('frames')
    for t, frame in enumerate(paint(SCENE)):
        cv2.imwrite(str(folder / f'{t:03d}.png'), frame[..., ::-1])
    return folder


@pytest.fixture(scope='module')
def audio(tmp_path_factory):
    """A file whose samples are their time in seconds / 200."""
    path = tmp_path_factory.mktemp('audio') / 'audio.wav'
    soundfile.write(path, np.arange(150 * RATE, dtype=np.float32) / RATE / 200, RATE, 'FLOAT')
    return path


def expected(color, scene=SCENE):
    return [boxes.get(color) and encode_mask(mask_of(boxes[color])) for boxes in scene]


def starts_of(clip):
    """Seconds at which the audio of each frame of a clip starts."""
    return (clip.reshape(-1, RATE)[:, 0] * 200).tolist()


@pytest.mark.parametrize(('batch_size', 'workers'), [(1, 0), (4, 1)])
def test_every_frame_is_predicted_exactly(folder, audio, batch_size, workers):
    model, shown = PaintedSegmentor(), []
    sample = predict_video(
        model,
        video_record(folder, audio, fps=10),
        batch_size=batch_size,
        num_workers=workers,
        on_window=lambda done, total: shown.append((done, total)),
    )
    assert sample.semantic
    assert sample.pred_tracks.labels.tolist() == [1, 2]
    assert [track.rles for track in sample.pred_tracks.masks] == [expected(0), expected(1)]
    # Blocks of 5 s: ten clips of 0 to 4.9 s, ten of 1.3 to 6.2 s.
    assert sum(shape[0] for shape in model.shapes) == 20
    assert {shape[1] for shape in model.shapes} == {5}
    assert max(shape[0] for shape in model.shapes) == batch_size
    assert shown[0] == (0, 63)
    assert shown[-1] == (63, 63)


def test_clips_have_frames_and_audio_one_second_apart(folder, audio):
    model = PaintedSegmentor()
    predict_video(model, video_record(folder, audio, fps=10))
    assert starts_of(model.audio[0]) == pytest.approx([0, 1, 2, 3, 4], abs=1e-3)
    assert starts_of(model.audio[7]) == pytest.approx([0.7, 1.7, 2.7, 3.7, 4.7], abs=1e-3)
    assert starts_of(model.audio[10]) == pytest.approx([1.3, 2.3, 3.3, 4.3, 5.3], abs=1e-3)


@pytest.mark.parametrize(
    ('fps', 'clips', 'seconds'),
    [
        (1.0, 13, [0, 1, 2, 3, 4]),
        (0.5, 13, [0, 2, 4, 6, 8]),
        (1.5, 14, [0, 4 / 3, 8 / 3, 4, 16 / 3]),
    ],
)
def test_other_frame_rates_keep_a_second_of_audio_per_frame(folder, audio, fps, clips, seconds):
    model = PaintedSegmentor()
    sample = predict_video(model, video_record(folder, audio, fps=fps))
    assert [track.rles for track in sample.pred_tracks.masks] == [expected(0), expected(1)]
    assert starts_of(model.audio[0]) == pytest.approx(seconds, abs=1e-3)
    assert model.shapes == [(1, 5)] * clips


def test_a_short_video_is_one_clip_and_padding_is_left_out(folder, audio):
    pad = {'type': PadFrames, 'num_frames': 10}
    model, record = PaintedSegmentor(pad), video_record(folder, audio, fps=1, start=60)
    sample = predict_video(model, record)
    assert model.shapes == [(1, 10)]
    assert starts_of(model.audio[0])[:3] == pytest.approx([60, 61, 62], abs=1e-3)
    assert [track.rles for track in sample.pred_tracks.masks] == [expected(0, SCENE[60:])]


def test_masks_have_the_size_of_the_file(folder, audio):
    model = PaintedSegmentor({'type': ResizeClip, 'size': (64, 128)})
    sample = predict_video(model, video_record(folder, audio, fps=1, end=5))
    assert model.audio[0].shape == (5 * RATE,)
    masks = sample.pred_tracks.masks[0].to_dense()
    wanted = np.stack([mask_of(boxes[0]) for boxes in SCENE[:5]])
    assert masks.shape == wanted.shape
    assert (masks & wanted).sum() / (masks | wanted).sum() > 0.8


def test_precomputed_rows_follow_their_frames(folder, tmp_path):
    rows = np.repeat(np.arange(63, dtype=np.float32)[:, None], 4, 1)
    np.save(tmp_path / 'rows.npy', rows)
    model = PaintedSegmentor()
    model.cfg.test_dataloader.dataset.pipeline[1].source = 'features'
    predict_video(model, folder, tmp_path / 'rows.npy', fps=10)
    assert model.audio[3][:, 0].tolist() == [3, 13, 23, 33, 43]
