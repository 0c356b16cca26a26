"""The exchanged audio of synthetic clips; training is tested with the projects."""

import json


def test_every_clip_gets_the_audio_of_another_class(import_benchmark, tmp_path) -> None:
    benchmark = import_benchmark('sound_localization')
    source = tmp_path / 'data'
    (source / 'audio').mkdir(parents=True)
    classes = dict(zip('abcdef', ('dog', 'car', 'dog', 'bell', 'car', 'dog'), strict=True))
    for clip in classes:
        (source / 'audio' / f'{clip}.wav').write_text(clip)
    rows = [{'file': clip, 'class': name} for clip, name in classes.items()]
    (source / 'vggss.json').write_text(json.dumps(rows))
    out = benchmark.exchange_audio(source, tmp_path / 'exchanged')
    given = {clip: (out / 'audio' / f'{clip}.wav').read_text() for clip in classes}
    assert sorted(given.values()) == list(classes)
    assert all(classes[clip] != classes[other] for clip, other in given.items())
    assert json.loads((out / 'vggss.json').read_text()) == rows
