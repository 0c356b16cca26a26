"""Metafiles list every config; every number has a source, every file of weights an origin."""

from pathlib import Path

import pytest
import yaml

from avis.apis import list_configs
from avis.apis.checkpoint import available_converters
from avis.apis.weights import list_weights, weights_of
from tests.helpers.subprocess_python import ROOT

METAFILES = sorted((ROOT / 'configs').rglob('metafile.yml'))
CONTENTS = {path.parent.name: yaml.safe_load(path.read_text()) for path in METAFILES}
MODELS = [(method, model) for method, content in CONTENTS.items() for model in content['Models']]


def test_model_index_imports_every_metafile() -> None:
    imported = yaml.safe_load((ROOT / 'model-index.yml').read_text())['Import']
    assert imported == [str(path.relative_to(ROOT)) for path in METAFILES]


def test_every_config_has_one_entry() -> None:
    listed = [ROOT / model['Config'] for _, model in MODELS]
    published = [path for path in list_configs() if not path.stem.startswith('demo_')]
    assert sorted(listed) == published
    for _, model in MODELS:
        assert Path(model['Config']).stem == model['Name']


@pytest.mark.parametrize('method', CONTENTS)
def test_collection_names_paper_code_and_readme(method: str) -> None:
    (collection,) = CONTENTS[method]['Collections']
    assert collection['Paper']['URL'].startswith('https://')
    for key in ('README', 'Code'):
        assert (ROOT / collection[key]).is_file()
    assert {model['In Collection'] for model in CONTENTS[method]['Models']} == {collection['Name']}


def test_every_number_has_a_source() -> None:
    results = [result for _, model in MODELS for result in model.get('Results', ())]
    assert len(results) > 20
    for result in results:
        assert len(result['Source']) > 8
        assert {'Task', 'Dataset', 'Metrics'} <= result.keys()
        assert all(isinstance(value, int | float) for value in result['Metrics'].values())


def test_every_file_of_weights_has_an_origin_and_is_read_by_a_config() -> None:
    files = list_weights()
    assert len({each.name for each in files}) == len(files)
    published = {model.get('Weights') for _, model in MODELS}
    texts = '\n'.join(path.read_text() for path in (ROOT / 'configs').rglob('*.py'))
    for each in files:
        assert each.converter in available_converters()
        assert each.page.startswith('https://')
        assert f"'{each.file}'" in texts or each.file in published
        assert each.url is None or each.url.startswith('https://')
        if each.sha256 is not None:
            assert set(each.sha256) <= set('0123456789abcdef')
            assert each.original.count('-') == 0 or each.sha256[:8] in each.original


def test_files_of_a_config_are_those_that_it_and_its_bases_read() -> None:
    def names(config: str) -> set[str]:
        return {each.name for each in weights_of([config])}

    assert names('tpavi_r50_avss') == {'vggish', 'resnet50'}
    assert 'avsbench_s4_r50' in names('tpavi_r50_ms3_avm_s4init')
    assert names('avism_swinl_coco_aviseg') == {'swinl', 'vita_swin_coco'}
    assert names('lr_asd') == {'lr_asd_ava'}
    assert names('avtracker_offline') == {'lr_asd_ava'}
    with pytest.raises(FileNotFoundError, match='tpavi_r50_avs does not exist'):
        weights_of(['tpavi_r50_avs'])
