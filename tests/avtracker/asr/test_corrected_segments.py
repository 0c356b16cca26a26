"""Corrections of the defects 9 and 13 to 27 in the docs of AVTracker."""

import math

import numpy as np
import pytest

from avis.avtracker.asr import corrected_segments as corrected
from avis.avtracker.asr.speech_stage import SpeechRecord, SpeechStage
from avis.avtracker.interfaces import ModelUnavailable, SpeechSegment
from avis.avtracker.official.speech import OfficialSpeechStage
from avis.structures.media import Waveform


def segment(text, start, end, **more):
    return {'text': text, 'timestamp': [start, end], **more}


def times(segments):
    return [(c['text'], *c['timestamp']) for c in segments]


def settle(*segments, first=0.0, last=8.0, words=True):
    return times(corrected.settle_times(segments, first=first, last=last, words=words))


def compress(*segments, same=True, max_gap=2.0, max_seconds=30.0):
    compared = []

    def similarity(one, other):
        compared.append((one, other))
        return 1.0 if same else 0.0

    joined = corrected.join_speakers(
        segments, threshold=0.35, max_gap=max_gap, max_seconds=max_seconds, similarity=similarity
    )
    return times(joined), compared


def test_segment_ending_at_zero_is_dropped_as_empty():  # D13
    assert settle(segment('a', 0.0, 0.0), segment('b', 1.0, 2.0)) == [('b', 1.0, 2.0)]


def test_missing_end_becomes_start_of_next_segment():  # D14
    segments = segment('a', 0.0, None), segment('b', 2.0, 4.0), segment('c', 5.0, None)
    assert settle(*segments) == [('a', 0.0, 2.0), ('b', 2.0, 4.0), ('c', 5.0, 8.0)]


def test_equal_texts_are_joined_if_one_has_no_end():  # D14
    settled = corrected.settle_times(
        [segment('a', 0.0, 1.0), segment('a', 1.0, None)], first=0.0, last=8.0, words=True
    )
    assert compress(*settled)[0] == [('a', 0.0, 8.0)]


def test_segments_without_times_share_the_time_between_known_ones():  # D14
    segments = segment('a', 0.0, None), segment('b', None, 4.0), segment('c', None, 5.0)
    assert settle(*segments) == [('a', 0.0, 2.0), ('b', 2.0, 4.0), ('c', 4.0, 5.0)]
    assert settle(segment('a', 2.0, None), segment('b', None, None), segment('c', 6.0, None)) == [
        *(('a', 2.0, 4.0), ('b', 4.0, 6.0), ('c', 6.0, 8.0)),
    ]
    assert settle(segment('a', None, None), segment('b', None, None), last=3.0) == [
        *(('a', 0.0, 1.5), ('b', 1.5, 3.0)),
    ]


def test_missing_starts_and_reversed_times_are_settled():  # D26
    segments = segment('a', None, 1.0), segment('b', None, 3.0), segment('c', 5.0, 4.0)
    assert settle(*segments) == [('a', 0.0, 1.0), ('b', 1.0, 3.0), ('c', 5.0, 8.0)]


def test_blank_texts_are_dropped():  # D15
    assert settle(segment(' ', 0.0, 1.0), segment('b', 1.0, 2.0)) == [('b', 1.0, 2.0)]


def test_recognizer_without_words_keeps_its_segments():
    assert settle(segment('', 0.0, 1.0), words=False) == [('', 0.0, 1.0)]


def test_speakers_are_joined_over_short_gaps_only():  # D16
    one, other = segment('a', 0.0, 1.0), segment('b', 60.0, 61.0)
    assert compress(one, other)[0] == [('a', 0.0, 1.0), ('b', 60.0, 61.0)]
    assert len(compress(one, segment('b', 3.5, 4.0))[0]) == 2
    assert compress(one, segment('b', 2.5, 3.0))[0] == [('a b', 0.0, 3.0)]
    assert len(compress(one, segment('b', 2.5, 3.0), max_seconds=2.9)[0]) == 2


def test_comparison_leaves_out_audio_between_segments():  # D16
    segments = segment('a', 0.0, 1.0), segment('b', 2.0, 3.0), segment('c', 4.0, 5.0)
    assert compress(*segments)[1][1] == ([(0.0, 1.0), (2.0, 3.0)], [(4.0, 5.0)])


def test_joined_segment_has_the_later_end():  # D17
    assert compress(segment('a', 0.0, 5.0), segment('b', 1.0, 2.0))[0] == [('a b', 0.0, 5.0)]


def test_speaker_labels_are_joined_without_comparison():
    segments = [segment('a', 0, 1, speaker='x'), segment('b', 1, 2, speaker='x')]
    assert compress(*segments, same=False) == ([('a b', 0, 2)], [])
    segments[1]['speaker'] = 'y'
    assert compress(*segments, same=True) == ([('a', 0, 1), ('b', 1, 2)], [])


def test_different_speaker_labels_are_never_joined():  # D24
    one, other = segment('no way', 0, 1, speaker='x'), segment('no way', 1, 2, speaker='y')
    assert len(compress(one, other)[0]) == 2
    assert len(corrected.join_repetitions([one, other], max_gap=2)) == 2
    other['timestamp'] = [0, 1]
    assert len(corrected.merge_duplicates([one, other])) == 2
    assert len(corrected.join_simultaneous([one, other])) == 2
    other['speaker'] = 'x'
    assert len(corrected.merge_duplicates([one, other])) == 1


def test_repeated_words_of_another_speaker_are_kept():  # D24
    asked = segment('are you coming with me', 0, 2)

    def joined(answer):
        similar = {'threshold': 0.35, 'similarity': lambda one, other: 0.0}
        apart = corrected.join_speakers([asked, answer], max_gap=2.0, max_seconds=30.0, **similar)
        return times(corrected.join_repetitions(apart, max_gap=2))

    assert len(joined(segment('with me', 2, 3))) == 2
    # Overlapping repetitions are one voice in both sources.
    assert joined(segment('with me', 1, 3)) == [('are you coming with me', 0, 3)]


def test_repeated_words_are_joined_if_gaps_are_unbounded():  # D24
    asked, answer = segment('are you coming with me', 0, 2), segment('with me', 2, 3)
    similar = {'threshold': 0.35, 'similarity': lambda one, other: 0.0}
    apart = corrected.join_speakers(
        [asked, answer], max_gap=math.inf, max_seconds=math.inf, **similar
    )
    assert len(corrected.join_repetitions(apart, max_gap=math.inf)) == 1


def test_equal_texts_are_joined_before_speakers_are_compared():
    joined, compared = compress(segment('a', 0, 1), segment('b', 1, 2), segment('b', 2, 3))
    assert joined == [('a b', 0, 3)]
    assert compared == [([(0, 1)], [(1, 2), (2, 3)])]


@pytest.mark.parametrize(('max_gap', 'grown'), [(2.0, 20), (math.inf, 30)])
def test_unbounded_gaps_compare_audio_between_segments(max_gap, grown):  # D16
    class OneSpeaker:
        sample_rate = 10

        def __init__(self):
            self.samples = []

        def transcribe(self, audio):
            return [SpeechSegment(text, (t, t + 1)) for text, t in (('a', 0), ('b', 2), ('c', 4))]

        def embed(self, audio):
            self.samples.append(len(audio.samples))
            return np.ones(2)

    component = OneSpeaker()
    stage = SpeechStage(recognizer=component, encoder=component, max_gap=max_gap)
    record = stage.run(Waveform(np.zeros(50, np.float32), 10), SpeechRecord())
    assert times(record.final) == [('a b c', 0, 5)]
    assert component.samples == [10, 10, grown, 10]


def test_joined_segment_keeps_the_sources_of_its_parts():  # D16
    segments = [
        segment('a', 0, 2, source=(0, 0)),
        segment('b', 2, 4, source=(1, 1)),
        segment('c', 2, 4, source=(1, 0)),
    ]
    assert compress(*segments)[0] == [('a b', 0, 4), ('c', 2, 4)]


def test_overlapping_sources_of_one_mixture_are_not_joined():
    one, other = segment('a', 0, 2, source=(0, 0)), segment('b', 0, 2, source=(0, 1))
    assert len(compress(one, other)[0]) == 2
    assert len(corrected.join_simultaneous([one, other])) == 2
    assert len(compress(one, {**other, 'source': (1, 0)})[0]) == 1


def test_duplicates_are_merged_with_united_times():  # D18, D19
    segments = [
        segment('Hello there friend', 0.0, 1.0),
        segment('Hello there friend', 0.1, 1.5),
        segment('Hello there friend', 0.2, 2.0),
    ]
    assert times(corrected.merge_duplicates(segments)) == [('Hello there friend', 0.0, 2.0)]


def test_shorter_duplicate_is_dropped():
    one, echo = segment('Hello there friend', 0.0, 1.0), segment('Hello there frien', 0.2, 1.1)
    assert corrected.merge_duplicates([one, echo]) == [one]
    longer = segment('Hello there friend', 0.2, 1.4)
    assert times(corrected.merge_duplicates([one, longer])) == [('Hello there friend', 0.0, 1.4)]


@pytest.mark.parametrize(
    'texts',
    [
        ('abcdefghij', 'jihgfedcba'),
        ('we bridge it after the storm', 'bridge it after the storm, pal'),
    ],
)
def test_similar_texts_are_not_duplicates(texts):  # D19
    assert len(corrected.merge_duplicates([segment(text, 0.0, 1.0) for text in texts])) == 2


def test_repetition_needs_whole_words_and_a_small_gap():  # D24
    assert (
        len(corrected.join_repetitions([segment('the', 0, 1), segment('he', 1, 2)], max_gap=2)) == 2
    )
    one, other = segment('we took the late train', 0, 1), segment('late train', 1, 2)
    assert times(corrected.join_repetitions([one, other], max_gap=2)) == [
        ('we took the late train', 0, 2)
    ]
    assert len(corrected.join_repetitions([one, segment('late train', 50, 60)], max_gap=2)) == 2


@pytest.mark.parametrize(
    ('text', 'kept'),
    [
        ('今天天气很好', True),
        ('好', True),
        ('¿Qué?', True),
        ('…', False),
        ('。', False),
        ('♪♪♪', False),
        ('Yeah…', False),
        ('«Okay»', False),
        ('a', False),
        ('12', True),
        ('', False),
    ],
)
def test_filter_supports_all_scripts(text, kept):  # D25
    assert corrected.contains_words(text) is kept


class Recognizer:
    sample_rate = 16000
    has_words = True

    def __init__(self, whole, sources=()):
        self.whole, self.sources = whole, sources

    def transcribe(self, waveform):
        if waveform.name.isdecimal():
            recognized = self.sources[int(waveform.name)]
            if isinstance(recognized, Exception):
                raise recognized
            return recognized
        return self.whole


class Separator:
    sample_rate = 8000

    def __init__(self, count):
        self.count = count
        self.calls = 0

    def separate(self, waveform):
        self.calls += 1
        return [Waveform(waveform.samples, 8000, str(n)) for n in range(self.count)]


class Encoder:
    sample_rate = 16000
    threshold = 0.9

    def embed(self, waveform):
        if len(waveform.samples) < 1600:
            raise ValueError('too short')
        return waveform.samples[:1] + np.array([1.0, 0.0], np.float32)


def run(recognizer, seconds=8.0, **parts):
    stage = SpeechStage(recognizer=recognizer, **parts)
    audio = Waveform(np.zeros(round(16000 * seconds), np.float32), 16000, 'video')
    return stage.run(audio, SpeechRecord())


def spoken(text, start, end):
    return SpeechSegment(text, (start, end))


def test_times_of_sources_stay_inside_their_segment():  # D20, D21
    sources = [[spoken('left voice', 0.0, None)], [spoken('right voice', 0.5, 9.0)]]
    record = run(Recognizer([spoken('x', 1.0, 3.0)], sources), separator=Separator(2))
    assert times(record.final) == [('left voice', 1.0, 3.0), ('right voice', 1.5, 3.0)]


def test_segments_without_duration_are_not_separated():  # D22
    separator = Separator(1)
    whole = [spoken('now', 2.0, 2.0), spoken('late', 9.0, 9.5), spoken('so', 8.0, None)]
    record = run(Recognizer(whole, [[]]), separator=separator)
    assert separator.calls == 0
    assert record.final == []
    assert record.counts['chunks_without_length_or_words'] == 3


def test_segments_without_words_are_separated():  # D15, D23
    sources = [[spoken('left voice', 0.0, 1.0)], []]
    record = run(Recognizer([spoken(' ', 1.0, 3.0)], sources), separator=Separator(2))
    assert times(record.final) == [('left voice', 1.0, 2.0)]
    assert run(Recognizer([spoken(' ', 1.0, 3.0)], [[]]), separator=Separator(1)).final == []


def test_words_are_kept_if_sources_are_silent():  # D23
    whole = [spoken(' Hello there.', 0.5, 3.0)]
    record = run(Recognizer(whole, [[], [spoken('...', 0.0, 1.0)]]), separator=Separator(2))
    assert times(record.final) == [('Hello there.', 0.5, 3.0)]
    assert record.counts['chunks_kept_unseparated'] == 1


def test_failing_separation_keeps_the_segment():  # D27
    recognizer = Recognizer([spoken('Hello there.', 0.5, 3.0)], [RuntimeError('bad audio')])
    record = run(recognizer, separator=Separator(1))
    assert times(record.final) == [('Hello there.', 0.5, 3.0)]
    assert record.counts['separation_failed: RuntimeError'] == 1


@pytest.mark.parametrize('error', [ImportError('no package'), ModelUnavailable('no weights')])
def test_unavailable_separator_raises(error):
    def missing(waveform):
        raise error

    separator = Separator(2)
    separator.separate = missing
    with pytest.raises(type(error), match=str(error)):
        run(Recognizer([spoken('what he says', 0.0, 2.0)]), separator=separator)


def test_separate_overlap_skips_segments_without_overlap():  # D23
    whole = [spoken('one alone', 0.0, 1.0), spoken('two at', 2.0, 4.0), spoken('once', 3.0, 5.0)]
    separator = Separator(1)
    run(Recognizer(whole, [[]]), separator=separator, separate='overlap')
    assert separator.calls == 2
    with pytest.raises(ValueError, match=r"'always' or 'overlap', got 'sometimes'"):
        SpeechStage(recognizer=Recognizer([]), separate='sometimes')


def test_noise_is_filtered_before_joining():  # D25
    sources = [[spoken('Good evening', 0.0, 1.0), spoken('...', 1.0, 2.0)]]
    recognizer = Recognizer([spoken('x', 1.0, 4.0)], sources)
    record = run(recognizer, separator=Separator(1), encoder=Encoder())
    assert times(record.final) == [('Good evening', 1.0, 2.0)]
    assert record.similarity_calls == []


def test_times_are_settled_and_repeats_limited_without_encoder():  # D26
    whole = [spoken('Nooooooooo', 0.5, None), spoken('more', 3.0, 99.0), spoken('out', 99.0, 100.0)]
    record = run(Recognizer(whole))
    settled = [('Nooooo', 0.5, 3.0), ('more', 3.0, 8.0), ('out', 8.0, 8.0)]
    assert times(record.final) == settled


def test_words_without_duration_are_kept_without_separator():  # D22, D26
    whole = [spoken('now', 2.0, 2.0), spoken('turned round', 5.0, 4.0)]
    record = run(Recognizer(whole))
    assert times(record.final) == [('now', 2.0, 2.0), ('turned round', 5.0, 5.0)]


@pytest.mark.parametrize(
    ('bounds', 'count'),
    [({}, 2), ({'max_gap': 3.0}, 1), ({'max_gap': 3.0, 'max_seconds': 4.9}, 2)],
)
def test_max_gap_and_max_seconds_limit_joining(bounds, count):  # D16
    whole = [spoken('first words', 0.0, 1.0), spoken('second words', 4.0, 5.0)]
    assert len(run(Recognizer(whole), encoder=Encoder(), **bounds).final) == count


@pytest.mark.parametrize(('max_gap', 'count'), [(2.0, 2), (3.0, 1)])
def test_max_gap_limits_joining_of_repetitions(max_gap, count):  # D24
    sources = [[spoken('the late train', 0.0, 1.0), spoken('late train', 4.0, 5.0)]]
    recognizer = Recognizer([spoken('x', 0.0, 6.0)], sources)
    assert len(run(recognizer, separator=Separator(1), max_gap=max_gap).final) == count


def test_segments_too_short_to_compare_are_counted():  # D9
    record = run(Recognizer([spoken('a', 0.0, 0.05), spoken('b', 1.0, 2.0)]), encoder=Encoder())
    assert len(record.final) == 2
    assert record.counts['voices_too_short_to_compare'] == 1
    assert record.similarity_calls[0]['value'] is None


def test_unexpected_error_of_the_encoder_is_raised():  # D9
    class Broken(Encoder):
        def embed(self, waveform):
            raise RuntimeError('no device')

    with pytest.raises(RuntimeError, match='no device'):
        run(Recognizer([spoken('a', 0.0, 1.0), spoken('b', 1.0, 2.0)]), encoder=Broken())


def test_threshold_defaults_to_that_of_the_encoder():
    assert SpeechStage(recognizer=Recognizer([]), encoder=Encoder()).threshold == 0.9
    assert SpeechStage(recognizer=Recognizer([])).threshold == 0.35
    assert SpeechStage(recognizer=Recognizer([]), encoder=Encoder(), threshold=0.5).threshold == 0.5


def test_audio_is_resampled_for_each_component():
    rates = []

    class Listening(Recognizer):
        sample_rate = 8000

        def transcribe(self, waveform):
            rates.append((waveform.sample_rate, len(waveform.samples)))
            return []

    run(Listening([]), seconds=1.0)
    assert rates == [(8000, 8000)]


@pytest.mark.parametrize('seconds', [0.0, 1e-4])
def test_very_short_audio_returns_no_segments(seconds):
    assert run(Recognizer([]), seconds=seconds, encoder=Encoder()).final == []


def test_infinite_max_gap_joins_everything():
    segments = segment('a', 0.0, 1.0), segment('b', 600.0, 601.0)
    assert len(compress(*segments, max_gap=math.inf, max_seconds=math.inf)[0]) == 1


@pytest.mark.parametrize('error', [ImportError('no package'), ModelUnavailable('no weights')])
@pytest.mark.parametrize('kind', [OfficialSpeechStage, SpeechStage])
def test_unavailable_encoder_raises(kind, error):  # D9
    class Missing(Encoder):
        def embed(self, waveform):
            raise error

    stage = kind(
        recognizer=Recognizer([spoken('a', 0.0, 1.0), spoken('b', 1.0, 2.0)]), encoder=Missing()
    )
    with pytest.raises(type(error), match=str(error)):
        stage.run(Waveform(np.zeros(32000, np.float32), 16000, 'video'), SpeechRecord())
