import json

import numpy as np
import pytest

from avis.avtracker.asr.transcript_file import TranscriptFile
from avis.avtracker.interfaces import SpeechSegment
from avis.structures.media import Waveform

SRT = """\ufeff1\r
00:00:01,500 --> 00:00:02,000\r
<i>Hello</i>\r
you\r
\r
2\r
00:01:00,000 --> 01:00:00,250 X1:40\r
{\\an8}Bye\r
"""
VTT = """WEBVTT - a title

NOTE
not --> a cue

STYLE
::cue { color: red }

intro
00:01.000 --> 00:02.500 align:start
<v.loud Anna Maria>Hello <00:01.500><c.red>you</c>

00:03.000 --> 00:04.000
<b>Bye</b>
"""
RTTM = """; a comment
SPEAKER clip 1 6.500 0.500 <NA> <NA> ben <NA> <NA>
SPEAKER clip 1 1.000 2.000 <NA> <NA> ann <NA> <NA>
"""
JSON = {
    'chunks': [
        {'text': ' one', 'timestamp': [0.5, 1.0]},
        {'text': ' two', 'timestamp': [2, None], 'speaker': 3},
    ]
}


def audio(seconds=100.0, start=0.0):
    return Waveform(np.zeros(round(100 * seconds), np.float32), 100, 'clip', start)


def read(tmp_path, name, text, waveform=None):
    (tmp_path / f'clip{name}').write_text(text, encoding='utf-8', newline='')
    return TranscriptFile(path=str(tmp_path / f'{{name}}{name}')).transcribe(waveform or audio())


def test_srt(tmp_path):
    assert read(tmp_path, '.srt', SRT) == [
        SpeechSegment('Hello you', (1.5, 2.0)),
        SpeechSegment('Bye', (60.0, 3600.25)),
    ]


def test_vtt(tmp_path):
    assert read(tmp_path, '.vtt', VTT) == [
        SpeechSegment('Hello you', (1.0, 2.5), 'Anna Maria'),
        SpeechSegment('Bye', (3.0, 4.0)),
    ]


def test_rttm_is_sorted_and_has_speakers(tmp_path):
    expected = [SpeechSegment('', (1.0, 3.0), 'ann'), SpeechSegment('', (6.5, 7.0), 'ben')]
    assert read(tmp_path, '.rttm', RTTM) == expected
    other = RTTM + 'SPEAKER other 1 2.0 1.0 <NA> <NA> zoe <NA> <NA>\n'
    assert read(tmp_path, '.rttm', other) == expected


@pytest.mark.parametrize(
    'data',
    [
        JSON,
        JSON['chunks'],
        {'segments': [{'text': ' one', 'start': 0.5, 'end': 1}, JSON['chunks'][1]]},
    ],
)
def test_json_of_several_tools(tmp_path, data):
    assert read(tmp_path, '.json', json.dumps(data)) == [
        SpeechSegment(' one', (0.5, 1.0)),
        SpeechSegment(' two', (2.0, None), '3'),
    ]


def test_a_segment_of_the_audio_gets_its_part_in_its_time(tmp_path):
    chunks = read(tmp_path, '.rttm', RTTM, audio(seconds=4.0, start=2.5))
    assert chunks == [SpeechSegment('', (-1.5, 0.5), 'ann')]
    open_end = read(tmp_path, '.json', json.dumps(JSON), audio(seconds=4.0, start=50.0))
    assert open_end == [SpeechSegment(' two', (-48.0, None), '3')]


@pytest.mark.parametrize(
    ('name', 'text', 'said'),
    [
        ('.srt', '1\n00:00:01 --> later\nhi\n', '00:00:01 --> later'),
        ('.rttm', 'SPEAKER clip 1 6.5\n', '8 fields'),
        ('.rttm', 'SPEAKER clip 1 x 0.5 <NA> <NA> b <NA>\n', "'x'"),
        ('.json', '{', 'Expecting'),
        ('.json', '{"text": "no segments"}', 'list of segments'),
        ('.json', '[1]', 'list of segments'),
        ('.json', '[{"text": "a", "timestamp": [1]}]', 'segment 0: expected two times'),
        ('.json', '[{"text": "a", "start": "1", "end": 2}]', 'a time is a number'),
        ('.json', '[{"text": "a", "start": NaN, "end": 2}]', 'a time is a number'),
        ('.json', '[' * 100_000, 'clip.json'),
    ],
)
def test_broken_files_are_named(tmp_path, name, text, said):
    with pytest.raises(ValueError, match=said) as caught:
        read(tmp_path, name, text)
    assert f'clip{name}' in str(caught.value)


def test_code_in_a_transcript_stays_text(tmp_path):
    code = '__import__("os").remove("x")'
    (chunk,) = read(tmp_path, '.json', json.dumps([{'text': code, 'start': 0, 'end': 1}]))
    assert chunk.text == code


def test_a_missing_file(tmp_path):
    path = str(tmp_path / '{name}.srt')
    with pytest.raises(FileNotFoundError, match=r'clip\.srt does not exist.*missing_ok'):
        TranscriptFile(path=path).transcribe(audio())
    assert TranscriptFile(path=path, missing_ok=True).transcribe(audio()) == []


def test_the_key_follows_the_file(tmp_path):
    part = TranscriptFile(path=str(tmp_path / '{name}.srt'))
    absent = part.content_key('clip')
    (tmp_path / 'clip.srt').write_text(SRT)
    first = part.content_key('clip')
    (tmp_path / 'clip.srt').write_text(SRT.replace('Bye', 'Bye!'))
    assert len({absent, first, part.content_key('clip')}) == 3


def test_a_diarisation_has_no_words_and_other_files_are_refused():
    assert TranscriptFile(path='{name}.srt').has_words
    assert not TranscriptFile(path='{name}.rttm').has_words
    with pytest.raises(ValueError, match=r'\.rttm, got'):
        TranscriptFile(path='{name}.docx')
