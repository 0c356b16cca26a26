"""The configs of AVTracker: they build without loading anything and set what their names say."""

import sys
from pathlib import Path

import pytest
import yaml
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from avis.apis import load_config
from avis.registry import MODELS
from tests.helpers.people import avtrack_root
from tests.helpers.tiny_transformers import save_qwen3_vl, save_sam3_video, save_whisper

FOLDER = Path(__file__).resolve().parents[1] / 'configs/avis/avtracker'
CONFIGS = sorted(FOLDER.rglob('*.py'))


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_config_builds_without_optional_libraries(path, monkeypatch):
    for package in ('transformers', 'speechbrain', 'modelscope', 'silero_vad', 'resemblyzer'):
        monkeypatch.setitem(sys.modules, package, None)  # importing it fails
    config = load_config(path)
    init_default_scope('avis')
    MODELS.build(config.model)
    assert config.model.protocol == 'corrected'
    assert config.test_evaluator.type.__name__ == 'AVTrackMetric'
    assert config.train_dataloader is None


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_config_matches_its_name(path):
    config = load_config(path)
    name = path.stem.removeprefix('avtracker').lstrip('_')
    speech = config.model.speech
    kind = lambda part: None if part is None else part.type.__name__  # noqa: E731
    if name == 'offline':
        assert kind(speech.recognizer) == 'SpeakerDiarization'
        assert kind(config.model.grounding) == 'MouthMotionGrounding'
        return
    small = 'openai/whisper-small' if name == 'whisper_small' else 'openai/whisper-large-v3-turbo'
    assert speech.recognizer.model == small
    has_separator = name not in ('no_separation', 'whisper_small', 'qwen4b')
    separator = 'SepFormer' if name == 'sepformer' else 'MossFormer2'
    assert kind(speech.separator) == (separator if has_separator else None)
    merges = name not in ('no_compression', 'fixed_window')
    assert kind(speech.encoder) == ('ECAPA' if merges else None)
    assert config.model.get('window_seconds') == (8.0 if name == 'fixed_window' else None)
    chat = 'OpenAICompatibleVLM' if name == 'api' else 'TransformersVLM'
    assert kind(config.model.grounding.model) == chat
    assert kind(config.model.identity) == ('FaceIdentity' if name == 'face' else 'VLMIdentity')
    if name == 'qwen4b':
        assert config.model.identity.model.model == 'Qwen/Qwen3-VL-4B-Instruct'
    elif chat == 'TransformersVLM':
        assert config.model.grounding.model.model == 'Qwen/Qwen3-VL-8B-Instruct'


def test_metafile_lists_every_config_with_the_numbers_of_the_readme():
    models = yaml.safe_load((FOLDER / 'metafile.yml').read_text())['Models']
    assert {Path(model['Config']).name for model in models} == {path.name for path in CONFIGS}
    readme = (FOLDER / 'README.md').read_text()
    for model in models:
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
    config = load_config(FOLDER / 'avtracker_no_separation.py')
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
