"""Run AVTracker on a recorded case: ``python -m tests.replay CASE.json --out DIR``.

Writes ``DIR/<name>.json`` with the keys of ``expected`` (and ``runs``) of the case. The corrected
protocol joins speech over any gap and does not vote by object ids, so that cases without a defect
are comparable with the official code; ``--bounds`` turns both on, as they are by default. For a
file of single functions it writes ``{'cases': [...]}``.
"""

import argparse
import contextlib
import json
import math
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from avis.avtracker.asr.speech_stage import SpeechStage
from avis.avtracker.corrected import CorrectedStrategy
from avis.avtracker.grounding.vlm_grounding import VLMGrounding
from avis.avtracker.identity.embedding_identity import FaceIdentity
from avis.avtracker.identity.vlm_identity import VLMIdentity
from avis.avtracker.official.replies import parse_reply
from avis.avtracker.official.strategy import OfficialStrategy
from avis.avtracker.pipeline import Pipeline
from avis.avtracker.stage_runner import StageRunner
from avis.avtracker.strategy import Components
from avis.avtracker.tracked_video import TrackedVideo
from avis.avtracker.tracks import Person
from avis.structures.masks import rle_area
from avis.structures.media import Waveform
from tests.helpers.replay_parts import (
    ReplayEncoder,
    ReplayFaces,
    ReplayFrames,
    ReplayModel,
    ReplayRecognizer,
    ReplaySeparator,
    ReplayTracker,
)


def audio_of(name: str, audio: dict[str, Any]) -> Waveform:
    """The audio of a case: the value of a sample encodes the speaker."""
    samples = np.zeros(audio['num_samples'], np.float32)
    for first, last, speaker in audio['speaker_timeline']:
        samples[first:last] = (speaker + 1) / 64
    return Waveform(samples, audio['sample_rate'], name)


def replay(
    case: dict[str, Any], protocol: str = 'official', *, bounds: bool = False
) -> dict[str, Any]:
    """Our result of a case, in the keys of its ``expected``, and of its ``runs``."""
    result: dict[str, Any] = {
        'expected': replay_once(case, case['inputs']['vlm'], protocol, bounds)
    }
    if 'runs' in case:
        result['runs'] = [_replay_run(case, run, protocol, bounds) for run in case['runs']]
    return result


def _replay_run(
    case: dict[str, Any], run: dict[str, Any], protocol: str, bounds: bool
) -> dict[str, Any]:
    """The same inputs with one reply replaced."""
    vlm = dict(case['inputs']['vlm'])
    if run['replace'] == 'global':
        vlm['global'] = run['reply']
    else:
        vlm['local'] = [*vlm['local']]
        vlm['local'][run['replace']] = run['reply']
    found = replay_once(case, vlm, protocol, bounds)
    done = {key: found[key] for key in ('error', 'tracks', 'files')}
    done |= {key: run[key] for key in ('label', 'replace', 'reply')}
    done['vlm_calls_made'] = len(found['vlm_calls'])
    if found['error'] is None and run['replace'] != 'global':
        done['window'] = found['windows'][run['replace']]
    if found['error'] is None and protocol == 'official':
        index = -1 if run['replace'] == 'global' else run['replace']
        done['parsed'] = found['parsed_replies'][index]
    return done


def replay_once(
    case: dict[str, Any], vlm: dict[str, Any], protocol: str, bounds: bool = False
) -> dict[str, Any]:
    """One run of the pipeline."""
    config, inputs = case['config'], case['inputs']
    official = protocol == 'official'
    file = PurePosixPath(inputs['audio_file'])
    folder = file.name.partition('.')[0]
    audio = audio_of(folder, inputs['audio'])
    size = (inputs['frames']['height'], inputs['frames']['width'])
    count = inputs['frames']['count']
    frames = ReplayFrames(folder, count, size, count / audio.seconds if audio.seconds else 1.0)
    recognizer = ReplayRecognizer(inputs, audio.seconds)
    model, tracker = ReplayModel(vlm), ReplayTracker(inputs['tracker'])
    faces = ReplayFaces(inputs['faces']) if config['agent_type'] == 'face' else None
    grounding = VLMGrounding(
        model=model,
        iou_threshold=config['iou_matching'],
        bbox_scale=config['vlm_bbox_scale'],
        vote=bounds,
    )
    identity: Any = VLMIdentity(model=model) if faces is None else FaceIdentity(encoder=faces)
    fixed = config['agent_name'] == 'fix_window' or config['window']['mode'].startswith('fix')
    seconds = config['window']['fixed_size_seconds'] if fixed and not official else None
    strategy = (OfficialStrategy if official else CorrectedStrategy)(
        max_frames=config['max_frame_count'], window_seconds=seconds
    )
    components = strategy.adapt(Components(_speech(case, recognizer, bounds), grounding, identity))
    pipeline = Pipeline(
        speech=components.speech,
        tracker=tracker,
        grounding=components.grounding,
        identity=components.identity,
        strategy=strategy,
        runner=StageRunner(cache=None, settings={}, protocol=protocol),
        prompt=config['text_prompt'],
    )
    done = pipeline.run(frames, lambda: audio)
    video = None if faces is None else faces.frames
    return _result(done, model, tracker, video, official)


def _speech(case: dict[str, Any], recognizer: ReplayRecognizer, bounds: bool) -> SpeechStage:
    config, inputs = case['config'], case['inputs']
    separator = ReplaySeparator(recognizer, config['separator_sample_rate'])
    encoder = ReplayEncoder(inputs['speaker_vectors'], inputs['encoder_min_samples'])
    return SpeechStage(
        recognizer=recognizer,
        separator=separator if config['agent_type'] == 'sep' else None,
        encoder=encoder if config['compression']['enabled'] else None,
        threshold=config['compression']['threshold'],
        max_gap=2.0 if bounds else math.inf,
        max_seconds=30.0 if bounds else math.inf,
    )


def _result(
    done: TrackedVideo,
    model: ReplayModel,
    tracker: ReplayTracker,
    face_frames: list[int] | None,
    official: bool,
) -> dict[str, Any]:
    failure = done.failure
    error = None
    if failure is not None:
        kind = type(failure.cause).__name__
        error = {'type': kind, 'stage': failure.stage, 'window': failure.window}
    result: dict[str, Any] = {
        'error': error,
        'speech': done.speech.steps,
        'similarity_calls': done.speech.similarity_calls,
        'separator_calls': done.speech.separator_calls,
        'vlm_calls': model.calls,
        'windows': _windows(done) if failure is None or failure.stage == 'global' else None,
        'tracks': None if error else [_track(done, person) for person in done.persons],
        'files': _files(done, official, faces=face_frames is not None),
        'parsed_replies': _parsed(model.given),
        'counts': done.counts,
    }
    if tracker.call is not None:
        result |= {'tracker_call': tracker.call, 'fps': done.fps}
    if face_frames is not None and done.masks:
        result['face_frames'] = face_frames
        if official and done.grouping is not None:
            result['face_groups'] = done.grouping.record['groups']
    return result


def _windows(done: TrackedVideo) -> list[dict[str, Any]]:
    rows = []
    for each in done.masks:
        record = each.answer.record
        rows.append(
            {
                'frame_indices': list(each.window.frame_ids),
                'key_frame': each.utterance.key_frame,
                'matched': each.utterance.rows,
                'areas': each.areas,
                'boxes_px': {str(k): v for k, v in record.get('boxes_px', {}).items()},
                'ious': {str(k): v for k, v in record.get('ious', {}).items()},
            }
        )
    return rows


def _track(done: TrackedVideo, person: Person) -> dict[str, Any]:
    track: list[Any] = []
    for frame in range(done.num_frames):
        row = person.rows.get(frame, 'blank')
        track.append('none' if row is None else row)
    return {'person_id': person.name, 'track': track}


def _files(done: TrackedVideo, official: bool, *, faces: bool) -> list[str]:
    """Folders and images that are written of the persons, sorted."""
    files: set[str] = set()
    for person in done.persons:
        name = str(person.name) if official and not faces else f'person_{person.number}'
        folders = _folders(f'{done.name}/{name}')
        folder = folders[-1]
        files |= {f'{path}/' for path in folders if path != '.'}
        for frame in range(done.num_frames):
            mask = person.masks.get(frame)
            if rle_area(mask):
                files.add(str(PurePosixPath(folder) / f'frame_{frame:04d}.png'))
    return sorted(files)


def _folders(path: str) -> list[str]:
    """Folders made for a path, itself last: a name may lead up (D48), '.' is the output."""
    made, parts = ['.'], list[str]()
    for part in path.split('/'):
        parts = parts[:-1] if part == '..' else [*parts, *PurePosixPath(part).parts]
        made.append('/'.join(parts) or '.')
    return made


def _parsed(replies: list[Any]) -> list[Any]:
    parsed: list[Any] = []
    with contextlib.suppress(ValueError, TypeError):
        parsed.extend(map(parse_reply, replies))
    return parsed


def to_json(value: Any) -> Any:
    """JSON values: non-finite numbers as text, keys as text."""
    if isinstance(value, dict):
        return {str(key): to_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('cases', nargs='+', type=Path, metavar='CASE.json')
    parser.add_argument('--protocol', choices=('official', 'corrected'), default='official')
    parser.add_argument('--bounds', action='store_true')
    parser.add_argument('--out', type=Path, required=True, metavar='DIR')
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for path in arguments.cases:
        case = json.loads(path.read_text(encoding='utf-8'))
        if 'cases' in case:
            from tests.helpers.replay_units import replay_unit

            cases = [replay_unit(path.name, each) for each in case['cases']]
            text = json.dumps(to_json({'cases': cases}), default=str)
            (arguments.out / path.name).write_text(text)
            continue
        result = replay(case, arguments.protocol, bounds=arguments.bounds)
        name = {'name': case.get('name', path.stem), 'protocol': arguments.protocol}
        text = json.dumps(to_json({**name, **result['expected'], **result}), default=str)
        (arguments.out / path.name).write_text(text)


if __name__ == '__main__':
    main()
