"""``avis infer`` predicts a video with models of the zoo by their names."""

import pytest

from avis.cli.main import main
from avis.export import read_results
from tests.helpers.painted import passing, write_video


@pytest.mark.parametrize(
    'words',
    [
        ('demo_tpavi_synthetic', 'none'),
        ('demo_avism_synthetic', 'none'),
        ('avtracker_offline',),
    ],
    ids=lambda words: words[0],
)
def test_models_of_every_kind_predict_a_video(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / 'clip.mp4', passing(3), fps=1)
    status = main(['infer', *words, 'clip.mp4', '--out', 'out', '--device', 'cpu'])
    assert status is None
    assert read_results('out/clip').length == 3
    names = {path.name for path in (tmp_path / 'out' / 'clip').iterdir()}
    assert {'video.mp4', 'timeline.png', 'speakers.csv', 'clip.srt'} <= names
    assert 'out/clip: ' in capsys.readouterr().out


@pytest.mark.parametrize('text', ['0/4', '5/4', '4', 'a/b'])
def test_wrong_shard_is_an_error(text, capsys):
    with pytest.raises(SystemExit):
        main(['infer', 'demo_avism_synthetic', 'none', 'a.mp4', '--out', 'o', '--shard', text])
    assert f'expected I/N with I from 1 to N, got {text!r}' in capsys.readouterr().err


def test_shard_without_a_video_is_no_error(tmp_path, capsys):
    video = str(write_video(tmp_path / 'clip.mp4', passing(1)))
    words = ['infer', 'demo_avism_synthetic', 'none', video, '--out', str(tmp_path / 'out')]
    assert main([*words, '--shard', '2/2']) is None
    assert 'fewer videos than shards' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()
