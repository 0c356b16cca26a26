"""AVTracker as a whole: predictions, records, cached stages, interruptions."""

import json
import multiprocessing
import os
import re
import signal
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from avis.avtracker.asr.speech_stage import SpeechStage
from avis.avtracker.asr.whisper import WhisperASR
from avis.avtracker.grounding.vlm_grounding import VLMGrounding
from avis.avtracker.identity.embedding_identity import FaceIdentity, SpeakerIdentity
from avis.avtracker.identity.vlm_identity import VLMIdentity
from avis.avtracker.instance_trackers.sam3_video import SAM3Video
from avis.avtracker.interfaces import GlobalAnswer, LocalAnswer, ModelUnavailable
from avis.avtracker.official import strategy as official
from avis.avtracker.profiling import stage_table
from avis.avtracker.speaker_encoders.ecapa import ECAPA
from avis.avtracker.tracked_video import StageFailure
from avis.avtracker.vlm.replay import ReplayVLM
from avis.avtracker.vlm.transformers_vlm import TransformersVLM
from avis.structures.av_data_sample import AVDataSample
from tests.helpers.subprocess_python import ROOT
from tests.helpers.track_colored_videos import main
from tests.helpers.tracker_set import (
    BOXES,
    PLAN,
    Calls,
    ColoredVideos,
    make_tracker,
    write_set,
)
from tests.helpers.warm_python import run_warm


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp('videos'))


@pytest.fixture(scope='module')
def videos(root):
    return ColoredVideos(data_root=str(root))


@pytest.fixture
def calls(tmp_path):
    return Calls(tmp_path / 'calls.txt')


def kept(tmp_path):
    return {'cache_dir': str(tmp_path / 'stages'), 'record_dir': str(tmp_path / 'records')}


def speaking(sample):
    """Frames of each track, by the color of its person."""
    frames = {}
    for mask in sample.pred_tracks.masks:
        shown = np.flatnonzero(mask.areas)
        left = BOXES['green'][0] > mask.boxes[shown[0]][0]
        frames.setdefault('red' if left else 'green', set()).update(shown.tolist())
    return frames


def read_record(tmp_path, name):
    return json.loads((tmp_path / 'records' / f'{name}.json').read_text())


def test_the_speakers_are_tracked(videos, calls):
    first, third = make_tracker(calls).test_step(videos.batch('first', 'third'))
    assert speaking(first) == {'red': {0, 1, 2, 3, 9, 10, 11}, 'green': {5, 6, 7}}
    assert first.pred_tracks.ids.tolist() == [0, 1]
    assert first.pred_tracks.labels.tolist() == [0, 0]
    assert len(first.pred_tracks.masks[0]) == 12
    assert third.pred_tracks.ids.tolist() == []


def test_tensors_are_tracked_like_files(videos, calls):
    batch = videos.batch('second')
    source = batch['inputs']['frames'][0]
    frames = torch.from_numpy(np.stack([source[n] for n in range(len(source))]))
    sample = AVDataSample(metainfo={'video_name': 'second', 'fps': 2.0, 'sample_rate': 16000})
    inputs = {'frames': [frames.permute(0, 3, 1, 2)], 'audio': [torch.zeros(96000)]}
    got = make_tracker(calls)(inputs, [sample], mode='predict')[0]
    assert speaking(got) == {'green': {1, 2, 3, 4, 5}, 'red': {6, 7, 8, 9, 10, 11}}
    assert got.ori_shape == (24, 48)


def test_tensors_without_rates_are_refused(calls):
    tracker = make_tracker(calls)
    with pytest.raises(ValueError, match='need fps in the metainfo'):
        tracker({'frames': [torch.zeros(1, 3, 4, 4, dtype=torch.uint8)]}, mode='predict')
    sample = AVDataSample(metainfo={'fps': 1.0})
    with pytest.raises(ValueError, match=r'uint8 frames .*, got torch.float32'):
        tracker({'frames': [torch.zeros(1, 3, 4, 4)]}, [sample], mode='predict')


def test_window_seconds_cuts_fixed_windows(videos, calls):
    sample = make_tracker(calls, window_seconds=1.5).test_step(videos.batch('first'))[0]
    asked = [name for name in calls.read() if '/local/' in name]
    assert len(asked) == 4
    assert speaking(sample).keys() == {'red', 'green'}


def test_official_protocol_ignores_window_seconds(videos, calls, monkeypatch):  # D1
    logged = []
    monkeypatch.setattr(official, 'print_log', lambda line, **_: logged.append(line))
    tracker = make_tracker(calls, window_seconds=1.5, protocol='official')
    assert 'ignores window_seconds' in logged[0]
    tracker.test_step(videos.batch('first'))
    assert len([name for name in calls.read() if '/local/' in name]) == 3


def test_official_protocol_shows_images_without_outlines(videos, calls):
    sample = make_tracker(calls, protocol='official').test_step(videos.batch('second'))[0]
    # Nothing is outlined, so the model sees one person.
    assert sample.pred_tracks.ids.tolist() == [0]


def test_official_protocol_skips_a_video_without_annotation(videos, calls, tmp_path):
    batch = videos.batch('first', 'second')
    batch['data_samples'][0].set_metainfo({'annotated': False})
    tracker = make_tracker(calls, protocol='official', **kept(tmp_path))
    skipped, tracked = tracker.test_step(batch)
    assert skipped.pred_tracks.ids.tolist() == []
    assert len(tracked.pred_tracks.ids) > 0
    assert not any('first' in call for call in calls.read())
    assert read_record(tmp_path, 'first')['counts'] == {'no_annotation': 1}
    assert len(make_tracker(calls).test_step(batch)[0].pred_tracks.ids) > 0


def test_finished_stages_are_not_repeated(videos, calls, tmp_path):
    first = make_tracker(calls, **kept(tmp_path)).test_step(videos.batch('first'))[0]
    done = calls.read()
    assert len(done) == 1 + 12 + 3 + 1
    again = make_tracker(calls, **kept(tmp_path)).test_step(videos.batch('first'))[0]
    assert calls.read() == done
    assert speaking(again) == speaking(first)
    stages = read_record(tmp_path, 'first')['stages']
    assert all(stages[stage]['cached'] for stage in ('speech', 'vision', 'local', 'global'))


def test_changed_identity_repeats_only_the_global_stage(videos, calls, tmp_path):
    class OneSpeaker:
        sample_rate = 16000

        def embed(self, waveform):
            return np.ones(2)

    make_tracker(calls, **kept(tmp_path)).test_step(videos.batch('first'))
    done = calls.read()
    identity = SpeakerIdentity(encoder=OneSpeaker())
    tracker = make_tracker(calls, identity=identity, **kept(tmp_path))
    sample = tracker.test_step(videos.batch('first'))[0]
    assert calls.read() == done
    assert sample.pred_tracks.ids.tolist() == [0]


@pytest.mark.parametrize(
    ('change', 'again'),
    [
        ({'prompt': 'actor'}, ['vision', 'first']),
        ({'max_frames': 2}, ['first']),
        ({'window_seconds': 2.0}, ['first']),
        ({'protocol': 'official'}, ['speech', 'vision', 'first']),
    ],
)
def test_changed_setting_repeats_dependent_stages(change, again, videos, calls, tmp_path):
    make_tracker(calls, **kept(tmp_path)).test_step(videos.batch('first'))
    done = len(calls.read())
    make_tracker(calls, **kept(tmp_path), **change).test_step(videos.batch('first'))
    new = dict.fromkeys(call.split()[0].split('/')[0] for call in calls.read()[done:])
    assert list(new) == again


def test_changed_prompt_file_repeats_the_query(videos, calls, tmp_path):
    prompt = tmp_path / 'prompt.txt'
    for words in ('Who?', 'Who speaks?', 'Who speaks?'):
        prompt.write_text(words)
        tracker = make_tracker(calls, **kept(tmp_path))
        tracker._pipeline.grounding.prompt = str(prompt)
        tracker.test_step(videos.batch('second'))
    assert calls.read().count('second/local/0') == 2
    assert calls.read().count('speech second') == 1


def test_damaged_stage_file_is_repeated(videos, calls, tmp_path):
    for damage in (b'', b'\x1f\x8b', None):
        make_tracker(calls, **kept(tmp_path)).test_step(videos.batch('second'))
        (path,) = (tmp_path / 'stages' / 'second').glob('speech-*.json.gz')
        path.write_bytes(path.read_bytes()[:-9] if damage is None else damage)
    make_tracker(calls, **kept(tmp_path)).test_step(videos.batch('second'))
    assert calls.read().count('speech second') == 4
    assert calls.read().count('vision second 0') == 1


def test_changed_segments_repeat_their_queries(videos, calls, tmp_path, monkeypatch):
    make_tracker(calls, **kept(tmp_path)).test_step(videos.batch('second'))
    (path,) = (tmp_path / 'stages' / 'second').glob('speech-*.json.gz')
    path.unlink()
    # Recognized again, on another machine: one more segment.
    monkeypatch.setitem(PLAN, 'second', [('red', 0.0, 0.5), *PLAN['second']])
    sample = make_tracker(calls, **kept(tmp_path)).test_step(videos.batch('second'))[0]
    assert calls.read().count('second/local/0') == 2
    assert speaking(sample)['red'] >= {0, *range(6, 12)}
    assert calls.read().count('vision second 0') == 1


def test_changed_frames_repeat_the_stages(root, calls, tmp_path):
    data = write_set(tmp_path / 'data')
    videos = ColoredVideos(data_root=str(data))
    make_tracker(calls, **kept(tmp_path)).test_step(videos.batch('second'))
    done = len(calls.read())
    (data / 'frames' / 'second' / '003.png').write_bytes(
        (data / 'frames' / 'second' / '004.png').read_bytes()
    )
    make_tracker(calls, **kept(tmp_path)).test_step(videos.batch('second'))
    new = {call.split()[0].split('/')[0] for call in calls.read()[done:]}
    assert new == {'vision', 'second'}


@pytest.mark.parametrize('lives', [0, 2, 3])
def test_resumed_run_asks_only_unanswered_queries(lives, videos, calls, tmp_path):
    tracker = make_tracker(calls, lives=lives, **kept(tmp_path))
    with pytest.raises(StageFailure, match='the endpoint is gone') as caught:
        tracker.test_step(videos.batch('first'))
    assert isinstance(caught.value.cause, ModelUnavailable)
    assert read_record(tmp_path, 'first')['error']['type'] == 'ModelUnavailable'
    sample = make_tracker(calls, **kept(tmp_path)).test_step(videos.batch('first'))[0]
    assert speaking(sample) == {'red': {0, 1, 2, 3, 9, 10, 11}, 'green': {5, 6, 7}}
    assert len(calls.read()) == len(set(calls.read())) == 17
    assert read_record(tmp_path, 'first')['error'] is None


def test_missing_package_ends_the_run(videos, calls):  # D12
    class Missing:
        def track(self, frames, *, prompt):
            raise ImportError('Missing needs a package')

    tracker = make_tracker(calls)
    tracker._pipeline.tracker = Missing()
    with pytest.raises(StageFailure, match='vision: ImportError: Missing needs a package'):
        tracker.test_step(videos.batch('first'))


def test_needs_all_windows_stores_answers_together(videos, calls, tmp_path):
    class Together:
        needs_all_windows = True

        def ground(self, video, queries):
            asked = list(queries)
            calls.note(f'together {len(asked)}')
            for query in asked:
                if len(calls.read()) == 13 + 1:
                    raise RuntimeError('interrupted')
                yield LocalAnswer([0] * len(query.frame_ids))

    for _ in range(3):
        tracker = make_tracker(calls, **kept(tmp_path))
        tracker._pipeline.grounding = Together()
        sample = tracker.test_step(videos.batch('first'))[0]
    assert [call for call in calls.read() if call.startswith('together')] == ['together 3'] * 2
    assert sample.pred_tracks.ids.tolist() == [0]
    assert read_record(tmp_path, 'first')['stages']['local']['cached'] is True


def test_error_in_one_video_is_recorded(videos, calls, tmp_path):
    batch = videos.batch('first', 'second')
    batch['inputs']['audio'][0].path = str(tmp_path / 'none.wav')
    broken, good = make_tracker(calls, **kept(tmp_path)).test_step(batch)
    assert broken.pred_tracks.ids.tolist() == []
    assert re.match(r'speech: FileNotFoundError: .*none\.wav', broken.failure)
    assert 'failure' not in good
    assert good.pred_tracks.ids.tolist() == [0, 1]
    error = read_record(tmp_path, 'first')['error']
    assert (error['type'], error['stage']) == ('FileNotFoundError', 'speech')
    alone = videos.batch('first')
    alone['inputs']['audio'][0].path = str(tmp_path / 'none.wav')
    with pytest.raises(StageFailure, match=r'speech: FileNotFoundError: .*none\.wav'):
        make_tracker(calls, on_error='raise').test_step(alone)


@pytest.mark.parametrize('audio', [True, False])
def test_video_without_speech_stops_after_recognition(audio, videos, calls, tmp_path):
    batch = videos.batch('third')
    if not audio:
        batch['inputs']['audio'][0].path = None
    sample = make_tracker(calls, **kept(tmp_path)).test_step(batch)[0]
    assert sample.pred_tracks.ids.tolist() == []
    assert calls.read() == ['speech third']
    (warning,) = sample.warnings
    assert warning.endswith('so nobody is a speaker.')
    kind = 'no_speech' if audio else 'no_audio'
    assert read_record(tmp_path, 'third')['counts'] == {kind: 1}


def test_person_without_masks_has_no_track(videos, calls):
    class TwoNames:
        def group(self, video, utterances):
            return GlobalAnswer({'everybody': [0, 1, 2], 'a ghost': []})

    tracker = make_tracker(calls, identity=TwoNames())
    assert tracker.test_step(videos.batch('first'))[0].pred_tracks.ids.tolist() == [0]


def test_video_of_one_frame_is_tracked(calls):
    sample = AVDataSample(metainfo={'video_name': 'third', 'fps': 2.0, 'sample_rate': 16000})
    frames = torch.zeros(1, 3, 24, 48, dtype=torch.uint8)
    inputs = {'frames': [frames], 'audio': [torch.zeros(8000)]}
    got = make_tracker(calls)(inputs, [sample], mode='predict')[0]
    assert len(got.pred_tracks.masks) == 0


def test_record_contains_queries_replies_and_persons(videos, calls, tmp_path):
    make_tracker(calls, **kept(tmp_path)).test_step(videos.batch('first'))
    record = read_record(tmp_path, 'first')
    window = record['windows'][1]
    assert window['text'] == ' I am the green one.'
    assert window['reason'] == 'it is green'
    assert window['record']['replies'][0]['text'].startswith('{"rationale"')
    assert window['rows'] == [1, 1, 1]
    assert record['grouping']['persons'] == [['left', [0, 2]], ['right', [1]]]
    assert record['persons'][1] == {'number': 1, 'name': 'right', 'windows': [1]}
    assert record['settings']['vision'][1] == 'person'


def test_replies_of_a_record_can_be_replayed(videos, calls, tmp_path):
    first = make_tracker(calls, **kept(tmp_path)).test_step(videos.batch('first'))[0]
    tracker = make_tracker(calls)
    replies = ReplayVLM(replies=str(tmp_path / 'records'))
    tracker._pipeline.grounding.model = tracker._pipeline.identity.model = replies
    again = tracker.test_step(videos.batch('first'))[0]
    assert speaking(again) == speaking(first)


def test_stages_are_timed(videos, calls, tmp_path):
    make_tracker(calls, **kept(tmp_path)).test_step(videos.batch('first', 'second'))
    records = [read_record(tmp_path, name) for name in ('first', 'second')]
    assert all(record['stages']['vision']['seconds'] > 0 for record in records)
    table = stage_table(records).splitlines()
    assert [line.split()[0] for line in table[1:]] == ['speech', 'vision', 'local', 'global']
    assert [line.split()[1] for line in table[1:]] == ['2'] * 4
    assert float(table[2].split()[2]) > 0
    assert float(table[2].split()[3]) > 10


def test_invalid_settings_are_refused(calls):
    with pytest.raises(ValueError, match=r"protocol must be one of .*got 'fixed'"):
        make_tracker(calls, protocol='fixed')
    with pytest.raises(ValueError, match='above 0, got 0 and None'):
        make_tracker(calls, max_frames=0)
    with pytest.raises(ValueError, match="expected mode='predict', got 'loss'"):
        make_tracker(calls)({'frames': []}, mode='loss')
    speaker = SpeakerIdentity(encoder=SimpleNamespace(embed=print))
    with pytest.raises(ValueError, match='no SpeakerIdentity'):
        make_tracker(calls, identity=speaker, protocol='official')
    faces = FaceIdentity(encoder=SimpleNamespace(faces=print))
    make_tracker(calls, identity=faces, protocol='official')
    recognizer = SimpleNamespace(transcribe=print)
    speech = SpeechStage(recognizer=recognizer, separator=SimpleNamespace(separate=print))
    with pytest.raises(ValueError, match='never separates where it groups by faces'):
        make_tracker(calls, identity=faces, speech=speech, protocol='official')
    make_tracker(calls, identity=faces, speech=speech)


@pytest.mark.parametrize(
    ('make', 'said'),
    [
        (
            lambda: SpeechStage(recognizer={'type': ECAPA}),
            r'recognizer: expected .* transcribe\(\), got ECAPA',
        ),
        (lambda: SpeechStage(recognizer={'type': WhisperASR}, encoder=3), r'embed\(\), got int'),
        (lambda: FaceIdentity(encoder={'type': ECAPA}), r'FaceIdentity: encoder: .* faces\(\)'),
        (lambda: VLMGrounding(model={'type': ECAPA}), r'VLMGrounding: model: .* chat\(\)'),
        (lambda: VLMGrounding(model=ReplayVLM(replies={}), iou_threshold=30), '0 to 1 .* got 30'),
        (lambda: VLMGrounding(model=ReplayVLM(replies={}), bbox_scale=0), 'bbox_scale above 0'),
        (lambda: SAM3Video(dtype='bf16'), r"SAM3Video: expected dtype .* got 'bf16'"),
        (lambda: TransformersVLM(dtype='int8'), r"TransformersVLM: expected dtype .* got 'int8'"),
    ],
)
def test_unsuitable_component_is_refused_at_construction(make, said):
    with pytest.raises(ValueError, match=said):
        make()


def test_invalid_prompt_is_refused_at_construction(tmp_path):
    model = ReplayVLM(replies={})
    with pytest.raises(FileNotFoundError, match=r"no prompt file 'none\.txt'"):
        VLMIdentity(model=model, prompt='none.txt')
    prompt = tmp_path / 'prompt.txt'
    prompt.write_text('In {frames} frames, who is {name}?')
    with pytest.raises(ValueError, match=r"cannot be filled \('name'\); it may use .*'scale'"):
        VLMGrounding(model=model, prompt=str(prompt))


def run(data, out, kill_at=''):
    """Run in a forked process, which has everything imported; return its exit code."""

    def child():
        os.environ['KILL_AT'] = kill_at
        main(str(data), str(out))

    process = multiprocessing.get_context('fork').Process(target=child)
    process.start()
    process.join(timeout=120)
    return process.exitcode


@pytest.fixture(scope='module')
def clean(root, tmp_path_factory):
    """An undisturbed run of the whole set in one process."""
    out = tmp_path_factory.mktemp('clean') / 'out'
    assert run(root, out) == 0
    return out


@pytest.mark.parametrize(
    'moment', ['speech second', 'vision first 7', 'first/local/1', 'v.4/local/3', 'second/global']
)
def test_killed_run_is_resumed(moment, root, clean, tmp_path):
    out = tmp_path / 'out'
    assert run(root, out, moment) == -signal.SIGKILL
    assert run(root, out) == 0
    for name in PLAN:
        assert (out / f'{name}.json').read_text() == (clean / f'{name}.json').read_text()
    once = Calls(clean / 'calls_0.txt').read()
    twice = Calls(out / 'calls_0.txt').read()
    assert set(twice) == set(once)
    # Only the work in progress when the process ended is repeated.
    repeated = sorted(call for call in set(twice) if twice.count(call) > 1)
    kind = moment.rsplit(' ', 1)[0] if moment.startswith('vision') else moment
    assert all(call.startswith(kind) for call in repeated)
    assert moment in repeated


@pytest.mark.slow
def test_two_processes_write_the_files_of_one(root, clean, tmp_path):
    out = tmp_path / 'out'
    script = ROOT / 'tests/helpers/track_colored_videos.py'
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    done = run_warm([script, root, out], tmp_path, environment, processes=2)
    assert done.returncode == 0, done.stderr[-3000:]
    shares = [json.loads((out / f'names_{rank}.json').read_text()) for rank in (0, 1)]
    assert sorted(shares[0] + shares[1]) == sorted(PLAN)
    assert all(shares)
    for name in PLAN:
        assert (out / f'{name}.json').read_text() == (clean / f'{name}.json').read_text()
        records = [json.loads((o / 'records' / f'{name}.json').read_text()) for o in (out, clean)]
        for record in records:
            del record['stages']
        assert records[0] == records[1]
