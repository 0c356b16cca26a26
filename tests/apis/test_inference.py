import json

import cv2
import numpy as np
import pytest
import soundfile
from mmengine.dataset import pseudo_collate

from avis.apis import init_model, predict_video, video_features, video_record, video_records
from avis.apis.config import load_config
from avis.apis.inference import class_names
from avis.datasets.readers.errors import BrokenDataError
from avis.structures.masks import encode_mask
from tests.helpers.painted import (
    CONFIG,
    SIZE,
    PaintedModel,
    mask_of,
    paint,
    passing,
    write_data,
    write_video,
)

SCENE = passing(23)


def model_of(**options):
    return init_model(load_config(CONFIG), cfg_options={'model.tracker.max_age': 30, **options})


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp('video') / 'video.mp4', SCENE)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('frames')
    for t, frame in enumerate(paint(SCENE)):
        cv2.imwrite(str(folder / f'{t:03d}.png'), frame[..., ::-1])
    return folder


def rles(sample):
    return [track.rles for track in sample.pred_tracks.masks]


def by_label(sample):
    return dict(zip(sample.pred_tracks.labels.tolist(), rles(sample), strict=True))


def expected_rles(number):
    return [b.get(number) and encode_mask(mask_of(b[number])) for b in SCENE]


@pytest.mark.parametrize(('size', 'overlap', 'workers'), [(None, 0, 0), (5, 2, 0), (4, 0, 2)])
def test_folder_of_frames_is_predicted_exactly(folder, size, overlap, workers):
    shown = []
    sample = predict_video(
        model_of(),
        video_record(folder, fps=10),
        size=size,
        overlap=overlap,
        num_workers=workers,
        on_window=lambda done, total: shown.append((done, total)),
    )
    assert rles(sample) == [expected_rles(0), expected_rles(1)]
    assert sample.pred_tracks.labels.tolist() == [0, 1]
    assert shown[-1] == (23, 23)
    assert shown[0] == (0, 23)
    assert len(shown) == 1 + {None: 1, 5: 7, 4: 6}[size]


def test_video_file_is_predicted_nearly_exactly(video):
    sample = predict_video(model_of(), video, size=6, overlap=0)
    assert sample.pred_tracks.labels.tolist() == [0, 1]
    track = sample.pred_tracks.masks[0]
    assert (len(track), track.height, track.width) == (23, *SIZE)
    for t, boxes in enumerate(SCENE):
        pred, gt = track.dense(t), mask_of(boxes[0])
        assert (pred & gt).sum() / (pred | gt).sum() > 0.6


def test_window_has_the_audio_of_its_frames(tmp_path, folder, video):
    log = tmp_path / 'log'
    wave = np.zeros(37000, np.float32)
    soundfile.write(tmp_path / 'audio.wav', wave, 16000)
    predict_video(
        model_of(**{'model.log': str(log)}),
        folder,
        tmp_path / 'audio.wav',
        fps=10,
        size=9,
        overlap=0,
    )
    predict_video(model_of(**{'model.log': str(log)}), video, size=20, overlap=0)
    read = [json.loads(line) for line in log.read_text().splitlines()]
    # The pipeline of the config reads 1600 samples per second, 160 per frame.
    assert [(start, frames[1], audio) for start, frames, audio in read] == [
        (0, 9, [1, 1440]),
        (9, 9, [1, 1440]),
        (18, 5, [1, 800]),
        (0, 20, [1, 3200]),
        (20, 3, [1, 480]),
    ]


def test_fps_selects_the_frames(video):
    record = video_record(video, fps=2.0)
    assert (record['length'], record['fps']) == (4, 2.0)
    sample = predict_video(model_of(), record)
    for t in range(4):
        pred, gt = sample.pred_tracks.masks[0].dense(t), mask_of(SCENE[5 * t][0])
        assert (pred & gt).sum() / (pred | gt).sum() > 0.6


def test_part_of_a_video_is_that_part_of_the_whole(video, folder):
    part = video_record(folder, fps=10, start=0.5, end=1.7)
    assert (part['length'], part['start']) == (12, 0.5)
    found = by_label(predict_video(model_of(), part))
    assert found == {number: expected_rles(number)[5:17] for number in range(2)}
    whole, cut = (
        by_label(predict_video(model_of(), record))
        for record in (video_record(video), video_record(video, start=1.1))
    )
    assert cut[0] == whole[0][11:]
    with pytest.raises(ValueError, match=r"'video' lasts 2\.30 s: expected start before it, got 3"):
        video_record(video, start=3)


@pytest.mark.parametrize(('start', 'end'), [(-1, None), (2, 1), (1, 1), (float('nan'), None)])
def test_start_and_end_must_ascend(video, start, end):
    with pytest.raises(ValueError, match=r'expected (start >= 0|end > start)'):
        video_record(video, start=start, end=end)


def test_an_image_is_shown_as_long_as_its_audio(tmp_path, folder):
    image = sorted(folder.iterdir())[0]
    with pytest.raises(ValueError, match='is a single image: expected an audio file'):
        video_record(image)
    soundfile.write(tmp_path / 'audio.wav', np.zeros(40000, np.float32), 16000)
    record = video_record(image, tmp_path / 'audio.wav', fps=4)
    assert (record['length'], record['fps'], set(record['frames'])) == (10, 4, {str(image)})
    assert rles(predict_video(model_of(), record)) == [expected_rles(0)[:1] * 10]


def test_video_record_describes_a_file(tmp_path, video):
    record = video_record(video)
    assert record['length'] == 23
    assert record['fps'] == pytest.approx(10)
    assert (record['height'], record['width']) == SIZE
    assert record['audio'] == str(video)
    assert (record['video_name'], record['features']) == ('video', None)
    silent = write_video(tmp_path / 'silent.mp4', SCENE[:3], audio=False)
    assert video_record(silent)['audio'] is None
    assert len(predict_video(model_of(), silent).pred_tracks) == 1
    one = write_video(tmp_path / 'one.mp4', SCENE[:1])
    assert video_record(one)['length'] == 1
    assert video_record(one, fps=0.1)['length'] == 1


def test_record_with_separate_audio_or_features(tmp_path, video):
    wave, features = tmp_path / 'audio.wav', tmp_path / 'features.npy'
    soundfile.write(wave, np.zeros(100, np.float32), 16000)
    np.save(features, np.zeros((23, 4), np.float32))
    assert video_record(video, wave)['audio'] == str(wave)
    record = video_record(video, features)
    assert (record['features'], record['audio']) == (str(features), str(video))


def test_config_with_features_without_features_is_an_error(video, tmp_path):
    cfg = load_config(CONFIG)
    cfg.test_dataloader.dataset.pipeline[1].source = 'features'
    cfg.model.log = str(tmp_path / 'log')
    model = init_model(cfg)
    with pytest.raises(ValueError, match=r"'video': .* audio features.*\.npy"):
        predict_video(model, video)
    np.save(tmp_path / 'features.npy', np.zeros((23, 4), np.float32))
    predict_video(model, video, tmp_path / 'features.npy', size=20, overlap=0)
    read = [json.loads(line)[2] for line in (tmp_path / 'log').read_text().splitlines()]
    assert read == [[1, 20, 4], [1, 3, 4]]


def test_features_are_computed_if_the_weights_are_there(video, tmp_path, monkeypatch):
    cfg = load_config(CONFIG)
    cfg.test_dataloader.dataset.pipeline[1].source = 'features'
    model = init_model(cfg, cfg_options={'model.log': str(tmp_path / 'log')})
    weights = tmp_path / 'vggish.pth'
    weights.touch()
    monkeypatch.setattr(video_features, 'VGGISH_WEIGHTS', str(weights))
    examples, loaded = [], []

    class Stub:
        def __init__(self, *, weights, framing):
            assert framing == 'per_second'
            loaded.append(weights)

        def __call__(self, log_mel, num_frames):
            examples.append(log_mel)
            return log_mel.mean((2, 3)).unsqueeze(-1).expand(-1, -1, 128)

    monkeypatch.setattr(video_features, 'VGGish', Stub)
    for _ in range(2):
        predict_video(model, video_record(video, start=0.3), size=20)
    assert loaded == [weights]
    assert [tuple(each.shape) for each in examples] == 2 * [(20, 1, 96, 64)]
    read = [json.loads(line)[2] for line in (tmp_path / 'log').read_text().splitlines()]
    assert read == 2 * [[1, 20, 128]]
    assert (
        len(
            predict_video(
                model, write_video(tmp_path / 'mute.mp4', SCENE[:2], audio=False)
            ).pred_tracks
        )
        == 1
    )


def test_prediction_equals_that_through_the_data_set(tmp_path):
    root = write_data(tmp_path, {'a': SCENE})
    cfg = load_config(CONFIG, {'test_dataloader.dataset.data_root': str(root)})
    model = init_model(cfg)
    from avis.registry import DATASETS

    data = DATASETS.build(cfg.test_dataloader.dataset)
    (expected,) = model.test_step(pseudo_collate([data[0]]))
    sample = predict_video(model, data.record(0), size=7, overlap=0)
    assert rles(sample) == rles(expected)
    assert [track.rles for track in sample.gt_tracks.masks] == [expected_rles(0), expected_rles(1)]


def test_windows_share_a_tenth_of_their_frames(video, tmp_path):
    log = tmp_path / 'log'
    predict_video(model_of(**{'model.log': str(log)}), video, size=20)
    assert [json.loads(line)[0] for line in log.read_text().splitlines()] == [0, 3]


def test_class_names_come_from_the_config():
    assert class_names(model_of())[:2] == ('person', 'violin')


@pytest.mark.parametrize(
    ('arguments', 'error', 'match'),
    [
        (('missing.mp4',), FileNotFoundError, r'missing\.mp4 does not exist'),
        (('{video}', 'missing.wav'), FileNotFoundError, r'missing\.wav does not exist'),
        (('{folder}',), ValueError, 'set fps, their frames per second'),
        (('{tmp}',), ValueError, 'contains no frames, expected .jpg'),
        (('{tmp}/broken.mp4',), BrokenDataError, r'broken\.mp4: cannot be decoded'),
        (('{tmp}/audio.wav',), BrokenDataError, r'audio\.wav: has no video stream'),
    ],
)
def test_invalid_video_or_audio_is_an_error(tmp_path, video, folder, arguments, error, match):
    (tmp_path / 'broken.mp4').write_bytes(b'nothing')
    soundfile.write(tmp_path / 'audio.wav', np.zeros(100, np.float32), 16000)
    paths = {'video': video, 'folder': folder, 'tmp': tmp_path}
    with pytest.raises(error, match=match):
        video_record(*(argument.format(**paths) for argument in arguments))


def test_fps_must_be_positive(video):
    with pytest.raises(ValueError, match='expected fps > 0, got 0'):
        video_record(video, fps=0)


def test_fps_with_a_record_is_an_error(video):
    with pytest.raises(ValueError, match='expected no audio and fps with a record'):
        predict_video(model_of(), video_record(video), fps=3)


def test_model_without_config_is_an_error(video):
    model = PaintedModel(tracker={'type': 'MaskOverlapTracker'})
    with pytest.raises(ValueError, match=r'config has a test_dataloader.*init_model'):
        predict_video(model, video)


def test_frames_of_a_folder_are_in_natural_order(tmp_path, folder, monkeypatch):
    lines = []
    monkeypatch.setattr(video_records, 'print_log', lambda line, **_: lines.append(line))
    source = sorted(folder.iterdir())[0].read_bytes()
    for name in ['0.png', '2.png', '10.png', '._0.png', 'notes.txt', 'clip.wmv', 'a_thumb.png']:
        (tmp_path / name).write_bytes(source)
    frames = video_record(tmp_path, fps=1)['frames']
    assert [path.rsplit('/', 1)[1] for path in frames] == ['0.png', '2.png', '10.png']
    assert lines == [
        f'{tmp_path}: passed over 4 entries: clip.wmv, ._0.png, notes.txt, a_thumb.png'
    ]
    (tmp_path / '2.jpg').write_bytes(source)
    with pytest.raises(ValueError, match=r'one file per frame, got 2\.jpg and 2\.png; move'):
        video_record(tmp_path, fps=1)
