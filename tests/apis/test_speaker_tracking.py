"""AVTracker through the calls of avis.apis."""

import re
import runpy
import sys

import pytest
from mmengine.config import Config

from avis.apis import infer, runner
from avis.apis.inference import predict_video
from avis.apis.stage_times import stage_times
from avis.datasets.transforms.tracks import LoadTracks
from avis.datasets.transforms.whole_video import OpenVideo, PackVideo
from tests.helpers.runs import own_name
from tests.helpers.subprocess_python import ROOT
from tests.helpers.tracker_set import PLAN, Calls, make_tracker, write_set

PIPELINE = [{'type': OpenVideo}, {'type': LoadTracks, 'form': 'tracks'}, {'type': PackVideo}]


@pytest.fixture
def records(tmp_path):
    """One video through ``predict_video``; the folder of its record."""
    root = write_set(tmp_path / 'data')
    tracker = make_tracker(Calls(tmp_path / 'calls'), record_dir=str(tmp_path / 'records'))
    tracker.cfg = Config({'test_dataloader': {'dataset': {'pipeline': PIPELINE}}})
    audio = root / 'sound' / 'second.wav'
    sample = predict_video(tracker, root / 'frames' / 'second', audio, fps=2.0)
    assert [mask.areas.astype(bool).sum() for mask in sample.pred_tracks.masks] == [5, 6]
    return tmp_path / 'records'


def log_in(tmp_path):
    (log,) = (tmp_path / 'work').rglob('*.log')
    return log.read_text()


def test_any_folder_of_frames_is_tracked_and_timed(records, monkeypatch, capsys):
    table = stage_times(records)
    assert [line.split()[:2] for line in table.splitlines()[1:]] == [
        ['speech', '1'],
        ['vision', '1'],
        ['local', '1'],
        ['global', '1'],
    ]
    tool = ROOT / 'tools' / 'analysis_tools' / 'stage_times.py'
    monkeypatch.setattr(sys, 'argv', [str(tool), str(records)])
    runpy.run_path(str(tool), run_name='__main__')
    assert capsys.readouterr().out.strip() == table


def test_stages_report_their_progress_in_frames(tmp_path):
    root = write_set(tmp_path / 'data')
    tracker = make_tracker(Calls(tmp_path / 'calls'))
    tracker.cfg = Config({'test_dataloader': {'dataset': {'pipeline': PIPELINE}}})
    tracker.record_file = tmp_path / 'out' / 'record.json'
    shown = []
    predict_video(
        tracker,
        root / 'frames' / 'first',
        root / 'sound' / 'first.wav',
        fps=2.0,
        on_stage=lambda stage: shown.append((stage, [])),
        on_window=lambda done, total: shown[-1][1].append((done, total)),
    )
    assert [stage for stage, _ in shown] == [
        'recognizing speech',
        'tracking people',
        'finding speakers',
        'associating speakers',
    ]
    assert {total for _, steps in shown for _, total in steps} == {12}
    assert [steps[-1][0] for _, steps in shown] == [12] * 4
    assert [done for done, _ in shown[1][1]] == list(range(13))
    assert [done for done, _ in shown[2][1]] == [0, 4, 8, 12]
    assert tracker.on_progress is None
    assert tracker.record_file.is_file()


def test_a_config_is_tested_and_dumped_for_submission(tmp_path):
    write_set(tmp_path / 'data')
    options = {
        'model.folder': str(tmp_path),
        'test_dataloader.dataset.data_root': str(tmp_path / 'data'),
        'test_evaluator.out': str(tmp_path / 'out'),
    }
    config = ROOT / 'tests' / 'configs' / 'speakers.py'
    runner.test(config, None, work_dir=tmp_path / 'work', cfg_options={**own_name(), **options})
    out = tmp_path / 'out'
    assert {path.name for path in out.iterdir()} == set(PLAN)
    assert [path.name for path in sorted((out / 'second').iterdir())] == ['person_0', 'person_1']
    frames = sorted(path.stem for path in (out / 'second' / 'person_0').iterdir())
    assert frames == [f'frame_{number:04d}' for number in range(1, 6)]
    assert not list((out / 'third').iterdir())
    assert 'videos have ground truth' in log_in(tmp_path)
    assert 'random weights' not in log_in(tmp_path)


def test_a_video_that_failed_is_not_done_and_named_at_the_end(tmp_path):
    root = write_set(tmp_path / 'data')
    (root / 'sound' / 'second.wav').write_bytes(b'no sound')
    options = {
        'model.folder': str(tmp_path),
        'test_dataloader.dataset.data_root': str(root),
        'test_evaluator.out': None,
    }
    config = ROOT / 'tests' / 'configs' / 'speakers.py'
    videos = [root / 'frames' / name for name in ('first', 'second')]
    settings = {'fps': 2.0, 'video': False, 'cfg_options': options}
    first = infer(config, None, videos[:1], tmp_path / 'out', **settings)
    audio = root / 'sound' / 'second.wav'
    failed = infer(config, None, videos[1:], tmp_path / 'out', audio=audio, **settings)
    assert first == {}
    assert f'{audio}: cannot be decoded' in failed['second']
    assert [path.parent.name for path in (tmp_path / 'out').rglob('results.json')] == ['first']
    runner.test(config, None, work_dir=tmp_path / 'work', cfg_options={**own_name(), **options})
    assert re.search(r'1 of 4 videos failed .*: second$', log_in(tmp_path), re.MULTILINE)


def test_a_folder_without_records_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match='contains no records; run AVTracker with'):
        stage_times(tmp_path)
