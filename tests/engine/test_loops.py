import json
import os
import re
from pathlib import Path

import cv2
import pytest
import torch

from avis.apis.config import load_config
from avis.apis.runner import test as run_test
from avis.engine.loops import VideoFailuresError, window_dataloader
from avis.engine.streaming import VideoStream
from avis.structures.masks import encode_mask, rle_from_json
from tests.helpers.painted import CONFIG, OutputsHook, PaintedModel, mask_of, passing, write_data
from tests.helpers.runs import own_name, train_tiny
from tests.helpers.warm_python import run_warm

ROOT = Path(__file__).parents[2]
# Two processes get 31 and 30 frames, in another order than one process.
SCENES = {'b': passing(13), 'a': passing(31), 'e': [{}] * 3, 'c': passing(1), 'd': passing(13, 5)}


@pytest.fixture(scope='module')
def data_root(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp('painted'), SCENES)


def options(root, **more):
    return {**own_name(), 'test_dataloader.dataset.data_root': str(root), **more}


def run(root, work_dir, **more):
    return run_test(CONFIG, None, work_dir=work_dir, cfg_options=options(root, **more))


def same(metrics):
    return pytest.approx(metrics, rel=0, abs=0, nan_ok=True)


@pytest.fixture(scope='module')
def expected(data_root, tmp_path_factory):
    return run(data_root, tmp_path_factory.mktemp('whole'), **{'test_cfg.size': None})


def test_perfect_tracks_score_100(data_root, tmp_path, expected):
    found = run(data_root, tmp_path, **{'model.tracker.max_age': 30})
    for key in ('aviseg_corrected/HOTA', 'aviseg_corrected/FA', 'aviseg/AP_all'):
        assert found[key] == pytest.approx(100)
    assert 20 < expected['aviseg_corrected/HOTA'] < 95


@pytest.mark.parametrize(
    ('size', 'overlap', 'workers'), [(5, 2, 0), (4, 0, 2)], ids=['overlap', 'workers']
)
def test_windows_score_like_whole_videos(data_root, tmp_path, expected, size, overlap, workers):
    more = {
        'test_cfg.size': size,
        'test_cfg.overlap': overlap,
        'test_dataloader.num_workers': workers,
    }
    assert run(data_root, tmp_path, **more) == same(expected)


def test_video_is_returned_with_its_last_window(data_root, tmp_path):
    run(data_root, tmp_path, custom_hooks=[{'type': 'tests.helpers.painted.OutputsHook'}])
    # Windows of 5 frames that share 2: 13 frames are 4 windows, the last one moved back.
    assert OutputsHook.videos == [
        *[[]] * 3,
        ['b'],
        *[[]] * 9,
        ['a'],
        ['e'],
        ['c'],
        *[[]] * 3,
        ['d'],
    ]


@pytest.mark.parametrize('fp16', [True, False])
def test_fp16_predicts_in_mixed_precision(data_root, tmp_path, monkeypatch, fp16):
    seen, feed = [], VideoStream.feed

    def spy(self, batch):
        seen.append(torch.is_autocast_enabled('cpu'))
        return feed(self, batch)

    monkeypatch.setattr(VideoStream, 'feed', spy)
    run(data_root, tmp_path, **{'test_cfg.fp16': fp16})
    assert set(seen) == {fp16}


@pytest.mark.slow
def test_two_processes_with_uneven_shares_give_the_same_numbers(data_root, tmp_path, expected):
    code = (
        'import json, sys\n'
        'from avis.apis.runner import test\n'
        'metrics = test(sys.argv[1], None, work_dir=sys.argv[2],\n'
        '               cfg_options=json.loads(sys.argv[3]), launcher="pytorch")\n'
        'import torch.distributed as dist\n'
        'path = f"{sys.argv[2]}/{dist.get_rank()}_of_{dist.get_world_size()}.json"\n'
        'json.dump(metrics, open(path, "w"))\n'
        'dist.barrier()\n'
        'dist.destroy_process_group()\n'
    )
    script = tmp_path / 'run.py'
    script.write_text(code)
    arguments = [str(script), str(CONFIG), str(tmp_path), json.dumps(options(data_root))]
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    done = run_warm(arguments, ROOT, environment, processes=2)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads((tmp_path / '0_of_2.json').read_text()) == same(expected)
    assert (tmp_path / '1_of_2.json').is_file()


def test_validation_starts_with_its_first_epoch(tmp_path):
    loop = {'type': 'avis.engine.OffsetValTrainLoop', 'val_begin': 3, 'val_interval': 2}
    options = {f'train_cfg.{key}': value for key, value in loop.items()}
    train_tiny(tmp_path, options=options)  # 6 epochs
    (path,) = tmp_path.glob('*/vis_data/scalars.json')
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row['step'] for row in rows if 'loss' not in row] == [3, 5]


def test_built_data_loader_is_an_error():
    with pytest.raises(ValueError, match='expected the config of a data loader, got a list'):
        window_dataloader([], 4, 0)


@pytest.mark.parametrize('windows', [True, False])
def test_hook_writes_every_nth_video(data_root, tmp_path, windows):
    cfg = load_config(CONFIG, options(data_root))
    show = {'type': 'AVVisualizationHook', 'show_dir': str(tmp_path / 'show')}
    cfg.custom_hooks = [{**show, 'interval': 2, 'max_videos': 2}]
    if not windows:
        cfg.test_cfg = {'type': 'mmengine.runner.TestLoop'}
    run_test(cfg, None, work_dir=tmp_path)
    names = sorted(path.name for path in (tmp_path / 'show').iterdir())
    assert names == ['b.mp4', 'b.png', 'e.mp4', 'e.png']
    image = cv2.imread(str(tmp_path / 'show' / 'b.png'))
    # Three rows; ten of the 13 frames, enlarged from 32 x 64 to 224 x 448, in two blocks.
    assert 6 * 224 < image.shape[0] < 7 * 224
    assert 5 * 448 < image.shape[1] < 6 * 448


def test_progress_bar_shows_video_and_frame(data_root, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('FORCE_COLOR', '1')  # rich takes the captured output for a terminal
    monkeypatch.setenv('COLUMNS', '120')
    run(data_root, tmp_path)
    printed = re.sub(r'\x1b\[[0-9;?]*[a-zA-Z]', '', capsys.readouterr().out)
    assert re.search(r'test ━+.* 20/20 .*d  frame 13/13', printed)


def test_tracks_are_written_as_json(data_root, tmp_path):
    out = tmp_path / 'tracks.json'
    run_test(CONFIG, None, work_dir=tmp_path, out=out, cfg_options=options(data_root))
    videos = {video['video_name']: video for video in json.loads(out.read_text())}
    assert list(videos) == list(SCENES)
    assert videos['e'] == {
        'video_id': 3,
        'video_name': 'e',
        'frame_ids': [0, 1, 2],
        'tracks': [],
    }
    first = videos['d']['tracks'][0]
    assert (first['id'], first['label']) == (0, 0)
    found = [rle_from_json(rle) for rle in first['segmentations']]
    assert found == [encode_mask(mask_of(boxes[0])) for boxes in SCENES['d']]


def test_failed_videos_do_not_end_the_run(tmp_path, monkeypatch):
    scenes = {name: passing(7) for name in ('good', 'unreadable', 'defect', 'other')}
    root = write_data(tmp_path / 'data', scenes)
    (root / 'test/JPEGImages/unreadable/00005.png').write_bytes(b'broken')
    predict = PaintedModel.predict_window
    names = []

    def fail(model, state, inputs, window):
        if window.start == 0:
            names.append(len(names))
        if len(names) == 3:  # 'defect' is the third video
            raise ZeroDivisionError('a defect of the model')
        predict(model, state, inputs, window)

    monkeypatch.setattr(PaintedModel, 'predict_window', fail)
    with pytest.raises(VideoFailuresError) as caught:
        run(root, tmp_path / 'run', **{'test_cfg.size': 3})
    assert re.fullmatch(
        r'2 videos failed and are not scored: defect: ZeroDivisionError: a defect of the model; '
        r'unreadable: .*00005\.png: .*',
        str(caught.value),
    )
    log = next((tmp_path / 'run').glob('*/*.log')).read_text()
    assert log.count('Traceback') == 2
    monkeypatch.setattr(PaintedModel, 'predict_window', predict)
    good = {name: scenes[name] for name in ('good', 'other')}
    metrics = run(write_data(tmp_path / 'two', good), tmp_path / 'two_run')
    summary = dict(re.findall(r'  (\S+): ([\d.]+)\n', log.split('Test summary')[1]))
    assert len(summary) > 5
    for name, value in summary.items():
        assert float(value) == pytest.approx(metrics[name], abs=1e-4)


def test_run_without_a_readable_video_names_the_videos(tmp_path):
    root = write_data(tmp_path / 'data', {'a': passing(3)})
    (root / 'test/JPEGImages/a/00001.png').write_bytes(b'broken')
    with pytest.raises(VideoFailuresError, match=r'1 videos failed .* a: .*00001\.png'):
        run(root, tmp_path / 'run')
