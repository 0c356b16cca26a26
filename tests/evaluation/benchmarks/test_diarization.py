"""Diarization from RTTM and UEM files, and the files that avis writes."""

from pathlib import Path

import pytest

from avis.apis import evaluate

REF = 'SPEAKER a 1 0.0 4.0 <NA> <NA> ann <NA> <NA>\nSPEAKER a 1 4.0 2.0 <NA> <NA> bob <NA> <NA>\n'
PRED = 'SPEAKER a 1 0.0 6.0 <NA> <NA> x <NA> <NA>\n'
OTHER = 'SPEAKER b 1 1.0 2.0 <NA> <NA> x <NA> <NA>\n'


def write(folder: Path, ref: str = REF, pred: str = PRED) -> tuple[Path, Path]:
    (folder / 'ref.rttm').write_text(ref)
    (folder / 'pred.rttm').write_text(pred)
    return folder / 'ref.rttm', folder / 'pred.rttm'


@pytest.mark.parametrize('protocol', ['official', 'corrected'])
def test_scores_in_percent_and_times_in_seconds(tmp_path, protocol) -> None:
    result = evaluate('diarization', *write(tmp_path), protocol=protocol, full=True)
    expected = {'DER': 100 / 3, 'missed': 0, 'false_alarm': 0, 'confusion': 100 / 3}
    got = result['summary']
    assert got == pytest.approx({**expected, 'JER': 100 * (1 / 3 + 1) / 2}, abs=0.05)
    assert result['details']['per_video']['a'] == {
        'total': 6.0,
        'correct': 4.0,
        'missed': 0.0,
        'false_alarm': 0.0,
        'confusion': 2.0,
        'speakers': 2,
    }
    assert result['attributes']['a'] == {'speakers': 2}


def test_folders_of_files_and_a_recording_without_prediction(tmp_path) -> None:
    for name in ('ref', 'pred/a'):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / 'ref/a.rttm').write_text(REF)
    (tmp_path / 'ref/c.rttm').write_text(OTHER.replace(' b ', ' c '))
    (tmp_path / 'pred/a/a.rttm').write_text(PRED)
    (tmp_path / 'pred/empty.rttm').write_text('')  # a video without speech, as avis writes it
    result = evaluate('diarization', tmp_path / 'ref', tmp_path / 'pred', workers=2)
    assert result['summary']['DER'] == pytest.approx(100 * (2 + 2) / 8)
    assert result['unpredicted'] == ['c']
    assert result['problem_counts'] == {'missing_prediction': 1}


def test_recording_that_the_reference_does_not_have(tmp_path) -> None:
    files = write(tmp_path, pred=PRED + OTHER)
    official, corrected = (
        evaluate('diarization', *files, protocol=p) for p in ('official', 'corrected')
    )
    for result in (official, corrected):
        assert result['problem_counts'] == {'unknown_recording': 1}
        assert result['summary']['DER'] == pytest.approx(100 / 3)
    assert official['per_video']['b']['DER'] == 100
    assert corrected['skipped'] == ['b']


def test_uem_names_recordings_without_speech_and_regions(tmp_path) -> None:
    files = write(tmp_path, pred=PRED + OTHER)
    uem = tmp_path / 'all.uem'
    uem.write_text(';; comment\na 1 0.0 5.0\nb 1 0.0 9.0\n')
    corrected = evaluate('diarization', *files, protocol='corrected', uem=uem)
    assert corrected['summary']['DER'] == pytest.approx(100 * (1 + 2) / 5)
    official = evaluate('diarization', *files, uem=uem)
    assert official['summary']['DER'] == pytest.approx(100 * 1 / 5)
    uem.write_text('b 1 0.0 9.0\n')
    result = evaluate('diarization', *files, protocol='corrected', uem=uem)
    assert result['skipped'] == ['a']
    assert result['problem_counts'] == {'no_region': 1}


def test_gap_between_the_protocols_has_its_causes(tmp_path) -> None:
    files = write(tmp_path, pred=PRED + OTHER)
    uem = tmp_path / 'all.uem'
    uem.write_text('a 1 0 6\nb 1 0 9\n')
    gap = evaluate('diarization', *files, uem=uem)['protocol_gap']
    assert gap['causes'] == ['official leaves out 1 recordings without reference speech']
    twice = REF.replace('4.0 2.0', '2.0 4.0').replace('bob', 'ann')
    gap = evaluate('diarization', *write(tmp_path, twice), scorer='pyannote')['protocol_gap']
    assert gap['causes'] == ['official counts a speaker twice where two of their own turns overlap']


def test_options_of_the_scorer(tmp_path) -> None:
    files = write(tmp_path)
    assert evaluate('diarization', *files, collar=0.5)['summary']['DER'] == pytest.approx(25)
    with pytest.raises(ValueError, match=r"scorer must be one of .*, got 'nist'"):
        evaluate('diarization', *files, scorer='nist')
    with pytest.raises(ValueError, match='collar must not be negative'):
        evaluate('diarization', *files, collar=-1)


@pytest.mark.parametrize(
    ('ref', 'message'),
    [
        ('SPEAKER a 1 0.0 x <NA> <NA> ann <NA> <NA>\n', r'ref\.rttm: line 1: expected start and'),
        ('SPEAKER a 1 0.0 -1 <NA> <NA> ann <NA> <NA>\n', r'ref\.rttm: line 1: .*-1'),
        ('SPEAKER a 1\n', r'ref\.rttm: line 1: expected at least 8 fields'),
        ('start,end,speaker\n', r'ref\.rttm: line 1: expected a line of RTTM'),
        ('<html>', r'ref\.rttm: expected a text file, got a web page'),
    ],
)
def test_wrong_lines_name_file_and_line(tmp_path, ref, message) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate('diarization', *write(tmp_path, ref))


def test_wrong_files_are_named(tmp_path) -> None:
    ref, pred = write(tmp_path)
    with pytest.raises(FileNotFoundError, match=r'none does not exist; expected an RTTM file'):
        evaluate('diarization', ref, tmp_path / 'none')
    (tmp_path / 'out').mkdir()
    with pytest.raises(FileNotFoundError, match=r'out contains no \.rttm file'):
        evaluate('diarization', ref, tmp_path / 'out')
    (tmp_path / 'out' / 'a.rttm').write_text(PRED)
    (tmp_path / 'out' / 'b.rttm').write_text(PRED)
    with pytest.raises(ValueError, match=r"b\.rttm: recording 'a' is in .*a\.rttm too"):
        evaluate('diarization', ref, tmp_path / 'out')
    uem = tmp_path / 'all.uem'
    for text, message in (('a 1 5 2\n', 'line 1: expected recording'), ('a 1 x\n', 'line 1')):
        uem.write_text(text)
        with pytest.raises(ValueError, match=rf'all\.uem: {message}'):
            evaluate('diarization', ref, pred, uem=uem)
