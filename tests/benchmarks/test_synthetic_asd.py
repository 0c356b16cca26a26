"""The exchanged audio of synthetic face tracks; training is tested with the components."""


def test_every_track_gets_the_audio_of_another_video(import_benchmark, tmp_path):
    benchmark = import_benchmark('synthetic_asd')
    source = tmp_path / 'data'
    for name in ('csv', 'clips_videos'):
        (source / name).mkdir(parents=True)
    for video in 'ab':
        for track in '01':
            file = source / 'clips_audios' / 'val' / video / f'{track}.wav'
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(video)
    out = benchmark.exchange_audio(source, tmp_path / 'exchanged')
    for file in sorted((source / 'clips_audios' / 'val').glob('*/*.wav')):
        assert (out / file.relative_to(source)).read_text() == {'a': 'b', 'b': 'a'}[
            file.read_text()
        ]
    assert (out / 'csv').resolve() == (source / 'csv').resolve()
