"""Subtitles are read back by pysubs2 and by the reader of avis."""

import pysubs2
import pytest

from avis.avtracker.asr.subtitles import read_subtitles
from avis.export import video_segments, write_exports
from avis.export.names import one_line, speaker_name
from avis.structures.video_result import Utterance, VideoResult
from tests.helpers.video_results import FRAMES, ODD_NAMES, SIZE, make_result

WORDS = ['Hello.', '42', 'a --> b', '<i>x</i> & {y} x\\new\\N', 'two\n\nlines', '  ', 'NOTE 說話']


@pytest.fixture
def talk() -> VideoResult:
    utterances = [
        Utterance(0.1 + index, 0.6 + index, text, None if index == 1 else index + 1)
        for index, text in enumerate(WORDS)
    ]
    return make_result(ODD_NAMES, utterances=utterances)


@pytest.fixture
def files(talk, tmp_path) -> dict[str, str]:
    paths = write_exports(tmp_path, talk, ['srt', 'vtt'])
    return {name: path.read_text(encoding='utf-8') for name, path in paths.items()}


def spoken(talk: VideoResult) -> list[tuple[Utterance, str | None]]:
    """The utterances with words, with the names of their speakers."""
    names = {track.id: speaker_name(track) for track in talk.tracks} | {None: None}
    return [(u, names[u.track_id]) for u in talk.utterances if u.text.strip()]


def test_webvtt_keeps_every_name_and_word(talk, files):
    segments = read_subtitles(files['vtt'])
    expected = spoken(talk)
    # The reader of avis removes tags, which character references do not make.
    assert [segment.text for segment in segments] == [one_line(u.text) for u, _ in expected]
    assert [segment.speaker for segment in segments] == [name for _, name in expected]
    assert [segment.timestamp for segment in segments] == [
        pytest.approx((u.start, u.end), abs=5e-4) for u, _ in expected
    ]


def test_subrip_replaces_the_characters_of_markup(talk, files):
    replace = str.maketrans({'<': '\u2039', '>': '\u203a', '{': '(', '}': ')', '\\': '/'})
    expected = [
        ': '.join(part for part in (name, one_line(u.text)) if part).translate(replace)
        for u, name in spoken(talk)
    ]
    assert [segment.text for segment in read_subtitles(files['srt'])] == expected
    assert [event.text for event in pysubs2.SSAFile.from_string(files['srt'])] == expected


@pytest.mark.parametrize('kind', ['srt', 'vtt'])
def test_pysubs2_reads_the_same_times(talk, files, kind):
    events = pysubs2.SSAFile.from_string(files[kind])
    assert [(event.start, event.end) for event in events] == [
        (round(1000 * u.start), round(1000 * u.end)) for u, _ in spoken(talk)
    ]


def test_without_transcript_the_names_are_shown_while_they_sound(tmp_path):
    result = make_result(['Ann', 'Ben & Co'], utterances=[Utterance(0, 1, ' ')])
    paths = write_exports(tmp_path, result, ['srt', 'vtt'])
    expected = [
        (track.name, pytest.approx(segment[:2], abs=5e-4))
        for track, segment in video_segments(result)
    ]
    srt, vtt = (read_subtitles(path.read_text()) for path in paths.values())
    assert [(segment.text, segment.timestamp) for segment in srt] == expected
    assert [(segment.text, segment.timestamp) for segment in vtt] == expected
    assert [segment.speaker for segment in vtt] == [name for name, _ in expected]


def test_cues_are_in_order_and_never_empty(tmp_path):
    utterances = [Utterance(2, 2, 'later', 9), Utterance(-0.5, 0.5, 'first')]
    result = VideoResult('a', 25.0, FRAMES, *SIZE, utterances=utterances)
    text = write_exports(tmp_path, result, ['srt'])['srt'].read_text()
    events = [(event.start, event.end, event.text) for event in pysubs2.SSAFile.from_string(text)]
    assert events == [(0, 500, 'first'), (2000, 2001, 'later')]
