import json
import os

import numpy as np
import pytest

from avis.avtracker.asr import transcript_file
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


def test_srt_cues(tmp_path):
    assert read(tmp_path, '.srt', SRT) == [
        SpeechSegment('Hello you', (1.5, 2.0)),
        SpeechSegment('Bye', (60.0, 3600.25)),
    ]


def test_vtt_cues(tmp_path):
    assert read(tmp_path, '.vtt', VTT) == [
        SpeechSegment('Hello you', (1.0, 2.5), 'Anna Maria'),
        SpeechSegment('Bye', (3.0, 4.0)),
    ]


def test_cues_are_separated_from_notes_ids_and_numbers(tmp_path):
    text = (
        'WEBVTT\n\n00:01.000 --> 00:02.000\nHow many?\n12\n\nNOTE not this\n\nsecond cue\n'
        '00:03.000 --> 00:04.5 align:end\n<00:03.200>from <00:03.500>1 --> 2\n'
        '3\n00:05.000 --> 00:06.000\nat 00:00:01.000 or 00:00:02.000 {laughs}\n\n'
        '1:00,000 --> 1:01,000\n\n'
    )
    assert read(tmp_path, '.vtt', text) == [
        SpeechSegment('How many? 12', (1.0, 2.0)),
        SpeechSegment('from 1 --> 2', (3.0, 4.5)),
        SpeechSegment('at 00:00:01.000 or 00:00:02.000 {laughs}', (5.0, 6.0)),
        SpeechSegment('', (60.0, 61.0)),
    ]


def test_rttm_segments_are_sorted_and_have_speakers(tmp_path):
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
def test_json_formats_of_several_tools(tmp_path, data):
    assert read(tmp_path, '.json', json.dumps(data)) == [
        SpeechSegment(' one', (0.5, 1.0)),
        SpeechSegment(' two', (2.0, None), '3'),
    ]


def test_segment_times_are_relative_to_the_waveform(tmp_path):
    segments = read(tmp_path, '.rttm', RTTM, audio(seconds=4.0, start=2.5))
    assert segments == [SpeechSegment('', (-1.5, 0.5), 'ann')]
    open_end = read(tmp_path, '.json', json.dumps(JSON), audio(seconds=4.0, start=50.0))
    assert open_end == [SpeechSegment(' two', (-48.0, None), '3')]


@pytest.mark.parametrize(
    ('name', 'text', 'said'),
    [
        ('.srt', '1\n00:00:01 --> later\nhi\n', '00:00:01 --> later'),
        ('.srt', '1\n100:00:01,000 --> 100:00:02,000\nhi\n', '100:00:01'),
        ('.vtt', 'WEBVTT\n\n00:01.000 --> 00:0x.000\nhi\n', '00:0x'),
        ('.rttm', 'SPEAKER clip 1 6.5\n', "8 fields in a SPEAKER line, got 'SPEAKER clip 1 6.5'"),
        ('.rttm', 'SPEAKER clip 1 x 0.5 <NA> <NA> b <NA>\n', "'x'"),
        ('.json', '{', 'Expecting'),
        ('.json', '{"text": "no segments"}', 'list of segments'),
        ('.json', '[1]', 'list of segments'),
        ('.json', '[{"text": "a", "timestamp": [1]}]', 'segment 0: expected two times'),
        ('.json', '[{"text": "a", "start": "1", "end": 2}]', 'expected a time in seconds'),
        ('.json', '[{"text": "a", "start": NaN, "end": 2}]', 'expected a time in seconds'),
        ('.json', '[' * 100_000, 'clip.json'),
        ('.json', '[{"text": "a", "start": 1' + '0' * 400 + ', "end": 2}]', 'a time in seconds'),
        ('.json', '[{"text": ["a"], "start": 1, "end": 2}]', 'segment 0: expected a text'),
        ('.json', '[{"text": "", "speaker": {}, "start": 1, "end": 2}]', 'as speaker'),
        ('.rttm', 'SPEAKER clip 1 nan 1.0 <NA> <NA> b <NA> <NA>\n', "line 1: .*'nan' and '1.0'"),
        ('.rttm', 'SPEAKER clip 1 1.0 -1.0 <NA> <NA> b <NA> <NA>\n', "'-1.0'"),
        ('.rttm', 'start,end,speaker\n', "expected a line of RTTM such as SPEAKER, got 'start"),
        ('.rttm', ';; nothing\n', 'of the recording .clip., got those of none'),
        ('.srt', 'hello\n', "cues of SubRip or WebVTT, got text that starts with 'hello'"),
    ],
)
def test_broken_file_raises_error_with_file_name(tmp_path, name, text, said):
    with pytest.raises(ValueError, match=said) as caught:
        read(tmp_path, name, text)
    assert f'clip{name}' in str(caught.value)


def test_code_in_a_transcript_is_plain_text(tmp_path):
    code = '__import__("os").remove("x")'
    (segment,) = read(tmp_path, '.json', json.dumps([{'text': code, 'start': 0, 'end': 1}]))
    assert segment.text == code


def test_missing_file_raises_unless_missing_ok(tmp_path):
    path = str(tmp_path / '{name}.srt')
    with pytest.raises(FileNotFoundError, match=r'clip\.srt does not exist.*missing_ok'):
        TranscriptFile(path=path).transcribe(audio())
    assert TranscriptFile(path=path, missing_ok=True).transcribe(audio()) == []


def test_content_key_changes_with_the_file(tmp_path):
    part = TranscriptFile(path=str(tmp_path / '{name}.srt'))
    absent = part.content_key('clip')
    (tmp_path / 'clip.srt').write_text(SRT)
    first = part.content_key('clip')
    (tmp_path / 'clip.srt').write_text(SRT.replace('Bye', 'Bye!'))
    assert len({absent, first, part.content_key('clip')}) == 3


def test_diarization_has_no_words_and_unknown_suffix_is_rejected():
    assert TranscriptFile(path='{name}.srt').has_words
    assert not TranscriptFile(path='{name}.rttm').has_words
    with pytest.raises(ValueError, match=r'\.rttm, got'):
        TranscriptFile(path='{name}.docx')


@pytest.mark.parametrize('suffix', ['.srt', '.vtt', '.rttm', '.json'])
@pytest.mark.parametrize(
    ('data', 'kind'),
    [
        (b'', 'an empty file'),
        (b'\xef\xbb\xbf \n', 'an empty file'),
        (b'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n', 'Git LFS'),
        (b'\n<!DOCTYPE html>\n<html>404</html>', 'a web page'),
        ('1\n00:00:01,000 --> 00:00:02,000\nhi\n'.encode('utf-16'), 'text in UTF-16'),
        (b'\x1f\x8b\x08\x00', 'a gzip archive'),
        (b'\x00\x01\x02', 'a binary file'),
        (b'1\n00:00:01,000 --> 00:00:02,000\nol\xe9\n', '0xe9 in line 3; save it as UTF-8'),
    ],
)
def test_error_says_what_another_kind_of_file_is(tmp_path, suffix, data, kind):
    file = tmp_path / f'clip{suffix}'
    file.write_bytes(data)
    for missing_ok in (False, True):
        with pytest.raises(ValueError, match=kind) as caught:
            TranscriptFile(path=str(file), missing_ok=missing_ok).transcribe(audio())
        assert str(file) in str(caught.value)


def test_pipe_is_an_error(tmp_path):
    os.mkfifo(tmp_path / 'clip.srt')
    part = TranscriptFile(path=str(tmp_path / 'clip.srt'))
    with pytest.raises(ValueError, match='expected a file, got a folder or a pipe'):
        part.transcribe(audio())
    assert part.content_key('clip') == ''


def test_lines_with_a_blank_do_not_end_a_cue(tmp_path):
    text = 'WEBVTT\n\n00:01.000 --> 00:02.000\n \nhello\n\t\nyou\n\nnot this\n\n'
    assert read(tmp_path, '.vtt', text) == [SpeechSegment('hello you', (1.0, 2.0))]
    text = (
        '1\n0:00:01,000 --> 0:00:02,000\n \nhello\n\nyou\n\n\n2\n0:00:03,000 --> 0:00:04,000\n7\n'
    )
    assert read(tmp_path, '.srt', text) == [
        SpeechSegment('hello you', (1.0, 2.0)),
        SpeechSegment('7', (3.0, 4.0)),
    ]


def test_vtt_follows_its_specification(tmp_path):
    text = (
        'WEBVTT\tx\nKind: captions\n\nREGION\nid:a --> b\n\n'
        'NOTEBOOK\n123:00:01.000 --> 123:00:02.000\n'
        '<v Tom &amp; Ann>a &lt; b&nbsp;c\n'
    )
    waveform = audio(seconds=10.0, start=442_800.0)
    assert read(tmp_path, '.vtt', text, waveform) == [
        SpeechSegment('a < b c', (1.0, 2.0), 'Tom & Ann')
    ]
    assert read(tmp_path, '.vtt', 'WEBVTT\n') == []


@pytest.mark.parametrize(
    ('line', 'speaker'),
    [
        ('SPEAKER clip 1 1.0 2.0 <NA> <NA> ann', 'ann'),
        ('SPEAKER clip 1 1.0 2.0 <NA> <NA> ann <NA>', 'ann'),
        ('SPEAKER clip 1 1.0 2.0 <NA> <NA> Ann Lee <NA> 0.5', 'Ann Lee'),
        ('SPEAKER clip <NA> 1.0 2.0 <NA> <NA> 7 0.9 <NA>', '7'),
        ('SPEAKER clip 1 1.0 2.0 word type ann <NA> <NA>', 'ann'),
    ],
)
def test_rttm_fields(tmp_path, line, speaker):
    assert read(tmp_path, '.rttm', f'{line}\n') == [SpeechSegment('', (1.0, 3.0), speaker)]


def test_blanks_in_the_names_of_recordings(tmp_path):
    text = ''.join(
        f'SPEAKER {name} 1 {n}.0 1.0 <NA> <NA> {name} x <NA> <NA>\n'
        for n, name in enumerate(['talk 2 1.5 3', 'talk 2', 'talk'])
    )
    (tmp_path / 'all.rttm').write_text(text)
    for n, name in enumerate(['talk 2 1.5 3', 'talk 2', 'talk']):
        waveform = Waveform(np.zeros(1000, np.float32), 100, name)
        segments = TranscriptFile(path=str(tmp_path / 'all.rttm')).transcribe(waveform)
        assert segments == [SpeechSegment('', (n, n + 1.0), f'{name} x')]


def test_diarization_without_the_video_is_an_error(tmp_path):
    (tmp_path / 'all.rttm').write_text(RTTM.replace('clip', 'x') + RTTM.replace('clip', 'y'))
    path = str(tmp_path / 'all.rttm')
    with pytest.raises(
        ValueError, match=r"all\.rttm: .*'clip', got those of x, y\. Set missing_ok"
    ):
        TranscriptFile(path=path).transcribe(audio())
    assert TranscriptFile(path=path, missing_ok=True).transcribe(audio()) == []


def test_segments_that_end_before_they_start_are_counted(tmp_path, monkeypatch):
    lines = []
    monkeypatch.setattr(transcript_file, 'print_log', lambda line, **_: lines.append(line))
    text = '1\n00:00:09,000 --> 00:00:02,000\na\n\n2\n00:00:03,000 --> 00:00:04,000\nb\n'
    assert read(tmp_path, '.srt', text) == [SpeechSegment('b', (3.0, 4.0))]
    assert lines == [f'{tmp_path}/clip.srt: 1 of 2 segments end before they start and are left out']


@pytest.mark.parametrize('part', ['<a', '<v ', '<v.a ', '{\\a', '<1:', '&', '</c', '1 --> '])
def test_time_is_linear_in_the_length_of_a_line(tmp_path, part):
    """A quadratic search would take minutes."""
    text = f'WEBVTT\n\n00:01.000 --> 00:02.000\n{part * 50_000}\n'
    assert len(read(tmp_path, '.vtt', text)) == 1
    assert len(read(tmp_path, '.vtt', text.replace(part, part + ' ' * 50_000, 1))) == 1
