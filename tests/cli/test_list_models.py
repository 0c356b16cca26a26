"""``avis models`` lists names, tasks and published scores."""

import json

import pytest
import timm

from avis.cli.main import main


def test_models_of_a_task_are_listed_with_scores_and_source(capsys) -> None:
    assert main(['models', 'tpavi*', '--task', 'avss']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0].rstrip(',') for line in lines[::2]] == [
        'tpavi_pvtv2b5_avss',
        'tpavi_r50_avss',
    ]
    assert lines[1] == (
        '    AVSBench AVSS: mIoU 29.8, F 0.352 (reported by GeWu-Lab/Stepping-Stones)'
    )


def test_json_has_all_fields(capsys) -> None:
    assert main(['models', '*_offline', '--json']) == 0
    (model,) = json.loads(capsys.readouterr().out)
    assert model['task'] == 'speaker_tracking'
    assert model['config'].endswith('configs/avis/avtracker/avtracker_offline.py')


def test_no_model_is_status_1(capsys) -> None:
    assert main(['models', 'no_such']) == 1
    out, error = capsys.readouterr()
    assert out == ''
    assert error.startswith('No model matches')


def test_installed_networks_of_a_kind_are_listed(capsys) -> None:
    assert main(['models', 'convnext*', '--kind', 'backbone', '--json']) == 0
    sources = {source['package']: source for source in json.loads(capsys.readouterr().out)}
    assert sources['timm']['version'] == timm.__version__
    assert 'convnext_tiny' in sources['timm']['names']
    assert sources['transformers']['names'] == ['convnext', 'convnextv2']
    assert sources['avis']['names'] == []


def test_audio_encoders_are_those_of_avis_and_transformers(capsys) -> None:
    assert main(['models', '--kind', 'audio-encoder']) == 0
    avis, transformers = capsys.readouterr().out.splitlines()
    assert avis.startswith('avis ')
    assert 'TransformersAudio, VGGish' in avis
    assert transformers.endswith('wavlm, whisper')


def test_unknown_kind_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"expected kind backbone or audio-encoder, got 'head'"):
        main(['models', '--kind', 'head'])
