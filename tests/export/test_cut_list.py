"""Cut lists of who speaks when."""

import numpy as np

from avis.export.cut_list import write_edl
from avis.structures.mask_track import MaskTrack
from avis.structures.video_result import TrackResult, VideoResult


def result(*flags, fps=25.0, name='talk'):
    tracks = [
        TrackResult(n, f'Speaker {n}', MaskTrack.from_dense(np.ones((len(f), 2, 2))), np.array(f))
        for n, f in enumerate(flags, start=1)
    ]
    return VideoResult(name, fps, len(flags[0]), 2, 2, tracks=tracks)


def test_each_segment_is_an_event_and_follows_the_one_before(tmp_path):
    first = [True] * 30 + [False] * 20 + [True] * 25
    second = [False] * 30 + [True] * 20 + [False] * 25
    text = write_edl(tmp_path, result(first, second)).read_text()
    events = [line for line in text.splitlines() if line[:3].isdigit()]
    assert text.startswith('TITLE: talk\nFCM: NON-DROP FRAME\n')
    assert [line.split()[4:] for line in events] == [
        ['00:00:00:00', '00:00:01:05', '00:00:00:00', '00:00:01:05'],
        ['00:00:01:05', '00:00:02:00', '00:00:01:05', '00:00:02:00'],
        ['00:00:02:00', '00:00:03:00', '00:00:02:00', '00:00:03:00'],
    ]
    comments = [line for line in text.splitlines() if line.startswith('* COMMENT')]
    assert comments == [f'* COMMENT: Speaker {n}' for n in (1, 2, 1)]


def test_broken_names_stay_on_one_line_and_silence_is_an_empty_list(tmp_path):
    path = write_edl(tmp_path, result([False] * 5, name='a\nb'))
    assert path.read_text() == 'TITLE: a b\nFCM: NON-DROP FRAME\n'


def test_time_codes_count_frames_at_the_rounded_rate(tmp_path):
    flags = [False] * 300 + [True] * 30
    text = write_edl(tmp_path, result(flags, fps=29.97)).read_text()
    assert '00:00:10:00 00:00:11:00 00:00:00:00 00:00:01:00' in text
