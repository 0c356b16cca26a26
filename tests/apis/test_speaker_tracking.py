"""AVTracker through the calls of avis.apis."""

import runpy
import sys

import pytest
from mmengine.config import Config

from avis.apis.inference import predict_video
from avis.apis.stage_times import stage_times
from avis.datasets.transforms.tracks import LoadTracks
from avis.datasets.transforms.whole_video import OpenVideo, PackVideo
from tests.models.segmentors.tracker_set import Calls, make_tracker, write_set
from tests.subprocess_python import ROOT

PIPELINE = [{'type': OpenVideo}, {'type': LoadTracks, 'form': 'tracks'}, {'type': PackVideo}]


@pytest.fixture
def records(tmp_path):
    """One video through ``predict_video``; the folder of its record."""
    root = write_set(tmp_path / 'data')
    tracker = make_tracker(Calls(tmp_path / 'calls'), record_dir=str(tmp_path / 'records'))
    tracker.cfg = Config({'test_dataloader': {'dataset': {'pipeline': PIPELINE}}})
    sound = root / 'sound' / 'second.wav'
    sample = predict_video(tracker, root / 'frames' / 'second', sound, fps=2.0)
    assert [mask.areas.astype(bool).sum() for mask in sample.pred_tracks.masks] == [5, 6]
    return tmp_path / 'records'


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


def test_a_folder_without_records_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'holds no records\. Run AVTracker with'):
        stage_times(tmp_path)
