"""Models are found by name, part of a name, alias and task."""

from typing import get_args

import pytest

from avis.apis import get_model, list_configs, list_models, load_config
from avis.apis.models import Task, find_model, find_models
from tests.helpers.painted import CONFIG


def test_every_config_is_a_model_of_one_task():
    assert {model.config for model in find_models()} == set(list_configs())
    by_task = {task: list_models(task=task) for task in get_args(Task)}
    assert sum(map(len, by_task.values())) == len(list_configs())
    assert by_task['avss'] == ['tpavi_pvtv2b5_avss', 'tpavi_r50_avss']
    trackers = [name for name in by_task['speaker_tracking'] if name != 'lr_asd_faces']
    assert all(name.startswith('avtracker') for name in trackers)
    assert 'demo_tpavi_synthetic' in by_task['avs']
    assert 'avism_r50_in_avtrack' in by_task['avis']
    names = [name for model in find_models() for name in (model.name, *model.aliases)]
    assert len(set(names)) == len(names)


def test_patterns_match_names_and_aliases():
    assert list_models('tpavi_r50_a*') == ['tpavi_r50_avss']
    assert list_models('SWINL') == ['avism_swinl_coco_aviseg', 'avism_swinl_in_aviseg']
    assert list_models('offline') == ['avtracker_offline', 'avtracker_offline_asd']
    with pytest.raises(ValueError, match='expected task to be one of avs, avss, avis'):
        list_models(task='asr')


def test_a_model_is_found_by_file_name_and_alias():
    found = find_model('tpavi_s4')
    assert found.name == 'tpavi_r50_s4'
    assert found == find_model('tpavi_r50_s4.py') == find_model('TPAVI_R50_S4')
    assert find_model(found.config).name == found.name
    assert found.results
    with pytest.raises(FileNotFoundError, match=r"tpavi_r50_s5 does not .* mean 'tpavi_r50_s4'\?"):
        find_model('tpavi_r50_s5')
    with pytest.raises(FileNotFoundError, match=r'Config no/such\.py does not exist\.$'):
        find_model('no/such.py')


def test_a_model_is_built_by_its_name():
    model = get_model('offline')
    assert type(model).__name__ == 'AVTracker'
    assert not get_model(CONFIG).training


def test_a_config_is_loaded_by_its_name():
    config = load_config('tpavi_s4', {'train_cfg.max_epochs': 3}, check_types=False)
    assert config.filename == str(find_model('tpavi_r50_s4').config)
    assert config.train_cfg.max_epochs == 3
    with pytest.raises(FileNotFoundError, match=r"Did you mean 'tpavi_r50_s4'\?"):
        load_config('tpavi_r50_s5')
