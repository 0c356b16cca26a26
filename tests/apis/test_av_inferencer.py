"""One inferencer for every task: inputs, outputs, resuming, failures."""

import io
import json

import numpy as np
import pytest
import soundfile
from mmengine.config import Config

from avis.apis import AVInferencer, load_config
from avis.apis.batch_inference import RECORD_FILE
from avis.export import read_results
from avis.structures.av_data_sample import AVDataSample
from tests.helpers.painted import CONFIG, SIZE, passing, write_video
from tests.helpers.painted_semantic import PaintedSegmentor
from tests.helpers.runs import ROOT
from tests.helpers.tracker_set import write_set

SCENE = passing(9)


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp('videos') / 'clip.mp4', SCENE)


@pytest.fixture(scope='module')
def inferencer():
    return AVInferencer(CONFIG, show_progress=False)


def semantic():
    cfg = PaintedSegmentor().cfg
    return AVInferencer(Config({**cfg, 'model': {'type': PaintedSegmentor}}), show_progress=False)


def test_instances_of_a_file(inferencer, video):
    found = inferencer(video, fps=5, start=0.2)
    (result,) = found['predictions']
    assert (found['visualization'], found['failed']) == ([], {})
    assert (result.name, result.fps, result.length) == ('clip', 5, 3)
    assert [track.class_name for track in result.tracks] == ['person', 'violin']
    assert [track.name for track in result.tracks] == ['person 1', 'violin 2']
    assert result.settings['config'] == str(CONFIG)


def test_classes_of_a_file(video):
    (result,) = semantic()(video)['predictions']
    assert result.length == 9
    assert {track.label for track in result.tracks} == {1, 2}
    assert result.tracks[0].name == 'sounding_object'
    assert result.tracks[0].visible.all()


def test_speakers_of_a_folder_of_frames(tmp_path):
    root = write_set(tmp_path)
    config = load_config(ROOT / 'tests/configs/speakers.py', {'model.folder': str(tmp_path)})
    audio = root / 'sound' / 'first.wav'
    found = AVInferencer(config, show_progress=False)(
        root / 'frames' / 'first', audio=audio, fps=2, out_dir=tmp_path / 'out'
    )
    (result,) = found['predictions']
    assert [track.name for track in result.tracks] == ['Speaker 1', 'Speaker 2']
    assert [said.track_id for said in result.utterances] == [1, 2, 1]
    record = json.loads((tmp_path / 'out' / 'first' / RECORD_FILE).read_text())
    assert record['video'] == 'first'
    assert read_results(tmp_path / 'out' / 'first').utterances == result.utterances


def test_files_lists_and_images_are_inputs(inferencer, video, tmp_path):
    opened = io.BytesIO(video.read_bytes())
    opened.name = 'upload.bin'
    (tmp_path / 'list.yml').write_text(f'- {{video: {video}, end: 0.3}}\n')
    found = inferencer([opened, tmp_path / 'list.yml'])
    assert [result.name for result in found['predictions']] == ['upload', 'clip']
    assert [result.length for result in found['predictions']] == [9, 3]


def test_data_samples_and_frames_are_returned(inferencer, video):
    found = inferencer(video, end=0.3, return_datasamples=True, return_vis=True)
    (sample,) = found['predictions']
    assert isinstance(sample, AVDataSample)
    (frames,) = found['visualization']
    assert frames.dtype == np.uint8
    assert frames.ndim == 4
    assert len(frames) == 3
    outlined = inferencer(video, end=0.3, return_vis=True, style='outline')['visualization'][0]
    assert (outlined != frames).any()


def test_results_are_written_once_and_read_again(inferencer, video, tmp_path, monkeypatch):
    folder = tmp_path / 'clip'
    first = inferencer(video, out_dir=tmp_path, no_save_vis=True)
    assert (folder / 'results.json').is_file()
    assert not (folder / 'video.mp4').exists()
    monkeypatch.setattr(inferencer, 'model', None)
    again = inferencer(video, out_dir=tmp_path, no_save_vis=True, export=['youtube_vis'])
    assert again['predictions'][0].settings == first['predictions'][0].settings
    before = {path.name for path in folder.iterdir()}
    assert len(before) > 3


def test_nothing_is_written_unless_wanted(inferencer, video, tmp_path):
    inferencer(video, out_dir=tmp_path, no_save_vis=True, no_save_pred=True)
    assert list(tmp_path.iterdir()) == []


def test_one_wrong_input_does_not_stop_the_others(inferencer, video, tmp_path):
    soundfile.write(tmp_path / 'voice.wav', np.zeros(1600, np.float32), 16000)
    found = inferencer([video, tmp_path / 'voice.wav'], end=0.2)
    assert len(found['predictions']) == 1
    assert 'contains audio, but no video' in found['failed']['voice']
    with pytest.raises(ValueError, match='contains audio, but no video'):
        inferencer(tmp_path / 'voice.wav')


def test_a_video_without_audio_is_predicted_with_a_warning(inferencer, tmp_path):
    write_video(tmp_path / 'mute.mp4', SCENE[:2], audio=False)
    (result,) = inferencer(tmp_path / 'mute.mp4')['predictions']
    assert result.warnings == ['The video has no audio, silence is used.']
    assert (result.height, result.width) == SIZE


def test_wrong_arguments_are_errors(inferencer, video, tmp_path):
    for arguments, problem in (
        ({'batch_size': 0}, 'batches of at least one clip, got 0'),
        ({'start': 2, 'end': 1}, 'expected end > start'),
        ({'export': ['docx']}, 'export format must be one of .* got .docx'),
        ({'opacity': 2}, 'opacity'),
    ):
        with pytest.raises(ValueError, match=problem):
            inferencer(video, **arguments)
    with pytest.raises(FileNotFoundError, match='Config no_such_model does not exist'):
        AVInferencer('no_such_model')
