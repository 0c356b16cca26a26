"""The four stages of AVTracker for one video; each reads its result from disk if it is there."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from avis.avtracker.asr.speech_stage import SpeechRecord, SpeechStage
from avis.avtracker.cache import StageCache, digest, file_keys
from avis.avtracker.interfaces import (
    GlobalAnswer,
    Grounding,
    IdentityAssociation,
    InstanceTracker,
    LocalAnswer,
    LocalQuery,
    VideoContext,
)
from avis.avtracker.profiling import StageProfiler
from avis.avtracker.tracks import (
    Person,
    SegmentMasks,
    corrected_persons,
    corrected_spoken,
    official_persons,
    official_spoken,
)
from avis.avtracker.windows import Window, corrected_windows, fixed_chunks, official_window
from avis.structures.masks import rle_from_json, rle_to_json
from avis.structures.media import FrameDetections, FrameSource, Waveform


class StageFailure(Exception):
    """A stage ended with an error.

    Args:
        stage: speech, vision, local or global.
        window: The window last asked about, in the local stage.
        cause: The error.
    """

    def __init__(self, stage: str, window: int | None, cause: Exception) -> None:
        where = stage if window is None else f'{stage}, window {window}'
        super().__init__(f'{where}: {type(cause).__name__}: {cause}')
        self.stage, self.window, self.cause = stage, window, cause


@dataclass
class TrackedVideo:
    """All that is known of a video, filled stage by stage.

    Attributes:
        name: Of the video.
        num_frames: T.
        size: Height and width.
        fps: Frames per second.
        seconds: Length of the sound.
        speech: What was heard.
        windows: What was asked about.
        spoken: The windows with their masks, once all are answered.
        answers: Answers of the local stage.
        grouping: Answer of the global stage; None where there was nothing to ask.
        persons: The tracks.
        counts: What had to be left out or decided otherwise, by kind.
        clock: Seconds and memory.
        results: Hash of what each finished stage gave.
        failure: What ended it; None if nothing did.
    """

    name: str
    num_frames: int
    size: tuple[int, int]
    fps: float
    seconds: float = 0.0
    speech: SpeechRecord = field(default_factory=SpeechRecord)
    windows: list[Window] = field(default_factory=list)
    spoken: list[SegmentMasks] = field(default_factory=list)
    answers: list[LocalAnswer] = field(default_factory=list)
    grouping: GlobalAnswer | None = None
    persons: list[Person] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    clock: StageProfiler = field(default_factory=StageProfiler)
    results: dict[str, str] = field(default_factory=dict)
    failure: StageFailure | None = None

    def count(self, counts: Mapping[str, int]) -> None:
        """Add to what had to be left out or decided otherwise."""
        self.counts.update({kind: number for kind, number in counts.items() if number})


@dataclass
class Pipeline:
    """The stages with their settings; see ``AVTracker`` for what each means."""

    speech: SpeechStage
    tracker: InstanceTracker
    grounding: Grounding
    identity: IdentityAssociation
    protocol: str
    prompt: str
    max_frames: int
    window_seconds: float | None
    cache: StageCache | None
    configs: Mapping[str, Any]

    def run(self, frames: FrameSource, hear: Callable[[], Waveform]) -> TrackedVideo:
        """Track the speakers of one video; an error is noted, not raised.

        Args:
            frames: Its frames.
            hear: Reads its sound.
        """
        done = TrackedVideo(frames.name, len(frames), frames.size, frames.fps)
        stage = 'speech'
        try:
            audio = self._load_audio(done, hear)
            self._recognize_speech(done, audio)
            if self.protocol == 'corrected' and not done.speech.final:
                done.count({'no_speech' if audio.samples.any() else 'no_audio': 1})
                return done  # whoever is seen does not speak
            stage = 'vision'
            video = VideoContext(done.name, frames, audio, self._track_instances(done, frames))
            stage = 'local'
            self._ground_speakers(done, video)
            stage = 'global'
            self._associate_identities(done, video)
        except Exception as error:  # one video must not end the run
            asked = stage == 'local' and bool(done.windows)
            window = done.windows[-1].question.window if asked else None
            done.failure = StageFailure(stage, window, error)
            done.failure.__cause__ = error
        return done

    def _load_audio(self, done: TrackedVideo, hear: Callable[[], Waveform]) -> Waveform:
        with done.clock.measure('sound'):
            audio = hear()
        done.seconds = audio.seconds
        if self.protocol == 'official':
            done.fps = done.num_frames / audio.seconds if len(audio.samples) else 1.0  # D29
        elif abs(done.num_frames / done.fps - audio.seconds) > 1.0:
            done.counts['seconds_between_ends_of_audio_and_frames'] = round(
                abs(done.num_frames / done.fps - audio.seconds)
            )
        return audio

    def _recognize_speech(self, done: TrackedVideo, audio: Waveform) -> None:
        path = self._path(done, 'speech', audio=audio)
        with done.clock.measure('speech') as entry:
            rows = self._load(path)
            entry['cached'] = rows is not None
            if rows is None:
                self.speech.run(audio, done.speech)
                self._save(path, [done.speech.to_json()])
            else:
                done.speech = SpeechRecord(**rows[0])
        done.results['speech'] = digest(done.speech.final)
        done.count(done.speech.counts)

    def _track_instances(
        self, done: TrackedVideo, frames: FrameSource
    ) -> list[FrameDetections | None]:
        path = self._path(done, 'vision', frames=frames)
        found: list[FrameDetections | None] = [None] * len(frames)
        with done.clock.measure('vision') as entry:
            rows: Any = self._load(path)
            entry['cached'] = rows is not None
            if rows is None:
                tracked = self.tracker.track(frames, prompt=self.prompt)
                rows = (detections_to_json(frame, each) for frame, each in tracked)
                if self.cache is not None and path is not None:
                    rows = self.cache.save(path, rows)
            total = hashlib.blake2b(digest_size=16)
            for row in rows:
                found[row['frame']] = detections_from_json(row)
                total.update(json.dumps(row).encode())
        done.results['vision'] = total.hexdigest()
        missing = sum(each is None for each in found)
        if missing:
            done.counts['frames_without_tracker_entry'] = missing
        return found

    def _ground_speakers(self, done: TrackedVideo, video: VideoContext) -> None:
        """Answer window after window; those answered before an interruption stay."""
        path = self._path(done, 'local', frames=video.frames, audio=video.audio)
        whole = getattr(self.grounding, 'needs_all_windows', False)
        journal = None if self.cache is None or path is None else self.cache.journal(path)
        windows = self._windows(done)

        def questions() -> Iterator[LocalQuery]:
            for window in windows:
                done.windows.append(window)
                yield window.question

        with done.clock.measure('local') as entry:
            known = self._load(path) if whole else journal.rows() if journal else None
            done.answers += [
                LocalAnswer(**row) for row, _ in zip(known or [], questions(), strict=False)
            ]
            if known is None or not whole:
                for answer in self.grounding.ground(video, questions()):
                    done.answers.append(answer)
                    if journal is not None and not whole:
                        journal.add(answer_to_json(answer))
            if whole and known is None:
                self._save(path, [answer_to_json(answer) for answer in done.answers])
            entry['cached'] = bool(known) and len(known or []) == len(done.answers)
        done.results['local'] = digest([answer.rows for answer in done.answers])
        for answer in done.answers:
            done.count(answer.counts)
        spoken = official_spoken if self.protocol == 'official' else corrected_spoken
        pairs = zip(done.windows, done.answers, strict=True)
        done.spoken = [spoken(video, window, answer) for window, answer in pairs]

    def _windows(self, done: TrackedVideo) -> Iterator[Window]:
        chunks = done.speech.final
        sizes: dict[str, Any] = {
            'fps': done.fps,
            'max_frames': self.max_frames,
            'num_frames': done.num_frames,
        }
        if self.protocol == 'official':
            for number, chunk in enumerate(chunks):
                yield official_window(number, chunk, **sizes)
            return
        if self.window_seconds is not None:
            total = done.num_frames / done.fps
            chunks = fixed_chunks(chunks, seconds=self.window_seconds, total=total)
        windows, counts = corrected_windows(chunks, **sizes)
        done.count(counts)
        yield from windows

    def _associate_identities(self, done: TrackedVideo, video: VideoContext) -> None:
        official = self.protocol == 'official'
        spoken = [each for each in done.spoken if official or any(each.areas)]
        if len(spoken) < len(done.spoken):
            done.counts['windows_without_mask'] = len(done.spoken) - len(spoken)
        # D43: the released code leaves out key frames that do not exist, but not their windows.
        shown = [s.utterance for s in spoken if 0 <= s.utterance.key_frame < done.num_frames]
        if not shown:
            return
        path = self._path(done, 'global', frames=video.frames, audio=video.audio)
        with done.clock.measure('global') as entry:
            rows = self._load(path)
            entry['cached'] = rows is not None
            if rows is None:
                done.grouping = self.identity.group(video, shown)
                self._save(path, [answer_to_json(done.grouping)])
            else:
                persons = dict(rows[0].pop('persons'))
                done.grouping = GlobalAnswer(persons=persons, **rows[0])
        done.count(done.grouping.counts)
        if official:
            official_persons(done.grouping.persons, spoken, done.persons)
        else:
            done.persons, counts = corrected_persons(video, done.grouping.persons, spoken)
            done.count(counts)

    def _path(
        self,
        done: TrackedVideo,
        stage: str,
        *,
        frames: FrameSource | None = None,
        audio: Waveform | None = None,
    ) -> Path | None:
        """Where the result of a stage is kept: by its settings and those of the stages before.

        Also by what those gave: done again, they may give something else on a GPU.
        """
        if self.cache is None:
            return None
        before = {'speech': 1, 'vision': 2, 'local': 3, 'global': 4}[stage]
        used = ('vision',) if stage == 'vision' else tuple(self.configs)[:before]
        parts = {
            'speech': (self.speech.recognizer, self.speech.separator, self.speech.encoder),
            'vision': (self.tracker,),
            'local': (self.grounding,),
            'global': (self.identity,),
        }
        files = [key for name in used for part in parts[name] for key in file_keys(part, done.name)]
        content = [
            None if audio is None else audio_key(audio),
            None if frames is None else frames_key(frames),
            None if stage in ('speech', 'vision') else [done.fps, done.results],
        ]
        key = digest([self.configs[name] for name in used], files, content, self.protocol)
        return self.cache.path(done.name, stage, key)

    def _load(self, path: Path | None) -> list[Any] | None:
        return None if self.cache is None or path is None else self.cache.load(path)

    def _save(self, path: Path | None, rows: list[Any]) -> None:
        if self.cache is not None and path is not None:
            for _ in self.cache.save(path, rows):
                pass


def audio_key(audio: Waveform) -> str:
    """Hash of the samples."""
    samples = np.ascontiguousarray(audio.samples, np.float32)
    return hashlib.blake2b(samples.data, digest_size=16).hexdigest() + f'@{audio.sample_rate}'


def frames_key(frames: FrameSource) -> str:
    """The source's own key, else the hash of all its pixels."""
    own = getattr(frames, 'content_key', None)
    if callable(own):
        return str(own())
    total = hashlib.blake2b(digest_size=16)
    for index in range(len(frames)):
        total.update(np.ascontiguousarray(frames[index]).data)
    return total.hexdigest()


def detections_to_json(frame: int, found: FrameDetections) -> dict[str, Any]:
    """One frame's detections as JSON."""
    return {
        'frame': int(frame),
        'ids': found.ids.tolist(),
        'scores': found.scores.tolist(),
        'boxes': found.boxes.tolist(),
        'masks': [rle_to_json(rle) for rle in found.masks],
    }


def detections_from_json(row: Mapping[str, Any]) -> FrameDetections:
    """The detections of one frame."""
    return FrameDetections(
        ids=np.asarray(row['ids'], np.int64),
        scores=np.asarray(row['scores'], np.float32),
        boxes=np.asarray(row['boxes'], np.float32).reshape(-1, 4),
        masks=[rle_from_json(mask) for mask in row['masks']],
    )


def answer_to_json(answer: LocalAnswer | GlobalAnswer) -> dict[str, Any]:
    """An answer as JSON; persons as pairs, since their names may be numbers."""
    row = dict(vars(answer))
    if isinstance(answer, GlobalAnswer):
        row['persons'] = list(answer.persons.items())
    return row
