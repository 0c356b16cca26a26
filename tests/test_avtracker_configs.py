"""The configs of AVTracker: they build without loading anything and set what their names say."""

import sys
from functools import cache
from pathlib import Path

import pytest
import yaml
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from avis.apis import AVInferencer, load_config
from avis.export import read_results
from avis.registry import MODELS
from tests.helpers.fixed_parts import use_fixed_parts
from tests.helpers.painted import passing, write_video
from tests.helpers.people import avtrack_root
from tests.helpers.tiny_transformers import save_qwen3_vl, save_sam3_video, save_whisper

FOLDER = Path(__file__).resolve().parents[1] / 'configs/avis/avtracker'
CONFIGS = sorted(FOLDER.rglob('*.py'))
METAFILE = yaml.safe_load((FOLDER / 'metafile.yml').read_text())['Models']
PUBLISHED = {model['Name'] for model in METAFILE if 'Results' in model}
BASE_ROWS = ('no_separation', 'whisper_small', 'qwen4b', 'whisper_small_qwen4b', 'face')


@cache
def loaded(path):
    """A config that no test changes."""
    return load_config(path)


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_config_builds_without_optional_libraries(path, monkeypatch):
    for package in ('transformers', 'speechbrain', 'modelscope', 'silero_vad', 'resemblyzer'):
        monkeypatch.setitem(sys.modules, package, None)  # importing it fails
    config = loaded(path)
    init_default_scope('avis')
    MODELS.build(config.model)
    assert config.model.protocol == ('official' if path.stem in PUBLISHED else 'corrected')
    assert config.test_evaluator.type.__name__ == 'AVTrackMetric'
    assert config.train_dataloader is None


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp('clip') / 'clip.mp4', passing(4), fps=4)


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_config_infers_a_video(path, clip, tmp_path):
    config = load_config(path)
    config.model.update(cache_dir=None, record_dir=None, on_error='raise')
    is_whole = path.stem.startswith('avtracker_offline')  # its weights are in packages
    if not is_whole:
        use_fixed_parts(config.model)
    found = AVInferencer(config, show_progress=False)(clip, out_dir=tmp_path)
    assert found['failed'] == {}
    (result,) = found['predictions']
    assert result.length == 4
    written = read_results(tmp_path / 'clip')
    if not is_whole:
        assert [track.name for track in written.tracks] == ['Speaker 1']
        assert written.tracks[0].sounding.all()
        assert [said.text for said in written.utterances] == ['good morning']


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_config_matches_its_name(path):
    config = loaded(path)
    name = path.stem.removeprefix('avtracker').lstrip('_').removesuffix('_corrected')
    speech = config.model.speech
    kind = lambda part: None if part is None else part.type.__name__  # noqa: E731
    if name.startswith('offline'):
        assert kind(speech.recognizer) == 'SpeakerDiarization'
        assert kind(config.model.grounding) == 'ActiveSpeakerGrounding'
        fallback = kind(config.model.grounding.fallback)
        assert fallback == (None if name == 'offline_asd' else 'MouthMotionGrounding')
        return
    whisper = 'small' if name.startswith('whisper_small') else 'large-v3-turbo'
    assert speech.recognizer.model == f'openai/whisper-{whisper}'
    has_separator = name not in BASE_ROWS
    separator = 'SepFormer' if name == 'sepformer' else 'MossFormer2'
    assert kind(speech.separator) == (separator if has_separator else None)
    merges = name not in ('no_compression', 'fixed_window')
    assert kind(speech.encoder) == ('ECAPA' if merges else None)
    assert config.model.get('window_seconds') == (8.0 if name == 'fixed_window' else None)
    chat = 'OpenAICompatibleVLM' if name == 'api' else 'TransformersVLM'
    assert kind(config.model.grounding.model) == chat
    assert kind(config.model.identity) == ('FaceIdentity' if name == 'face' else 'VLMIdentity')
    parts = [config.model.grounding, config.model.identity]
    if name == 'face':
        assert parts.pop().encoder.whole_image is True
    if chat == 'TransformersVLM':
        size = '4B' if name.endswith('qwen4b') else '8B'
        assert {part.model.model for part in parts} == {f'Qwen/Qwen3-VL-{size}-Instruct'}


def test_corrected_protocol_is_one_option_away():
    for name in sorted(PUBLISHED):
        config = load_config(FOLDER / f'{name}.py', {'model.protocol': 'corrected'})
        init_default_scope('avis')
        assert MODELS.build(config.model)._pipeline.runner.protocol == 'corrected'


def test_published_rows_track_a_video_in_one_session():
    for path in CONFIGS:
        if not path.stem.startswith('avtracker_offline'):
            window = loaded(path).model.instance_tracker.window_frames
            assert window == (None if path.stem in PUBLISHED else 256)


def test_fixed_windows_need_the_corrected_protocol():
    init_default_scope('avis')
    used = {}
    for name in ('avtracker_fixed_window', 'ablations/avtracker_fixed_window_corrected'):
        model = loaded(FOLDER / f'{name}.py').model
        assert model.window_seconds == 8.0
        strategy = MODELS.build(model)._pipeline.strategy
        used[strategy.name] = vars(strategy).get('window_seconds')
    assert used == {'official': None, 'corrected': 8.0}


def test_metafile_lists_every_config_with_the_numbers_of_the_readme():
    root = FOLDER.parents[2]
    assert {root / model['Config'] for model in METAFILE} == set(CONFIGS)
    readme = (FOLDER / 'README.md').read_text()
    for model in METAFILE:
        for result in model.get('Results', []):
            numbers = ' | '.join(f'{value:.2f}' for value in result['Metrics'].values())
            assert f'[`{model["Name"]}`]({model["Name"]}.py) | {numbers} |' in readme


def run_test(config, tmp_path):
    """Test a config on the two synthetic videos, as tools/test.py does."""
    config.work_dir = str(tmp_path / 'run')
    config.test_dataloader.dataset.data_root = str(avtrack_root())
    config.model.cache_dir = str(tmp_path / 'cache')
    config.model.record_dir = str(tmp_path / 'records')
    config.log_level = 'ERROR'
    config.visualizer = None
    init_default_scope('avis')
    return Runner.from_cfg(config).test()


@pytest.mark.slow
def test_offline_config_tracks_speakers_of_synthetic_videos(tmp_path):
    scores = run_test(load_config(FOLDER / 'avtracker_offline.py'), tmp_path)
    assert scores['avtrack/HOTA'] > 75
    assert len(list((tmp_path / 'records').glob('*.json'))) == 2


@pytest.mark.slow
def test_published_components_run_on_small_models(tmp_path):
    config = load_config(FOLDER / 'ablations/avtracker_corrected.py')
    config.model.speech.separator = None
    vlm = str(save_qwen3_vl(tmp_path / 'qwen'))
    config.model.speech.recognizer.model = str(save_whisper(tmp_path / 'whisper'))
    config.model.speech.encoder = None
    config.model.instance_tracker.model = str(save_sam3_video(tmp_path / 'sam3'))
    for part in (config.model.grounding, config.model.identity):
        part.model.model = vlm
        part.update(retries=1, max_new_tokens=8)
    config.model.on_error = 'raise'
    scores = run_test(config, tmp_path)
    assert scores['avtrack/HOTA'] == 0  # the replies are noise, so there are no tracks
    records = list((tmp_path / 'records').glob('*.json'))
    assert len(records) == 2
    assert all('no usable reply after 2 tries' in file.read_text() for file in records)
