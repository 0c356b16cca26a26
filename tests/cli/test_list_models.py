"""``avis models`` lists names, tasks and published scores."""

import json

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
    assert capsys.readouterr().out == ''
