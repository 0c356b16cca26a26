"""The stages of AVTracker for one video: recognize speech, track, ground, associate."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import msgspec

from avis.avtracker.asr.speech_stage import SpeechRecord, SpeechStage
from avis.avtracker.interfaces import (
    Grounding,
    IdentityAssociation,
    InstanceTracker,
    LocalAnswer,
    LocalQuery,
    VideoContext,
)
from avis.avtracker.packed_detections import PackedDetections
from avis.avtracker.progress import StageProgress, WatchedFrames
from avis.avtracker.serialization import (
    detections_from_json,
    detections_to_json,
    global_answer_from_json,
    global_answer_to_json,
)
from avis.avtracker.stage_runner import StageRunner, StageSpec
from avis.avtracker.strategy import TrackingStrategy
from avis.avtracker.tracked_video import TrackedVideo
from avis.structures.media import FrameSource, Waveform

_SPEECH = StageSpec(
    'speech',
    SpeechRecord.to_json,
    lambda row: SpeechRecord(**row),
    relevant=lambda record: record.final,
)
_VISION = StageSpec('vision', detections_to_json, detections_from_json)
_LOCAL = StageSpec[LocalAnswer](
    'local',
    lambda answer: dict(vars(answer)),
    lambda row: msgspec.convert(row, LocalAnswer),
    relevant=lambda answer: answer.rows,
)
_GLOBAL = StageSpec('global', global_answer_to_json, global_answer_from_json)


@dataclass
class Pipeline:
    """The stages with their components; see ``AVTracker`` for what each means."""

    speech: SpeechStage
    tracker: InstanceTracker
    grounding: Grounding
    identity: IdentityAssociation
    strategy: TrackingStrategy
    runner: StageRunner
    prompt: str

    def run(
        self,
        frames: FrameSource,
        load_audio: Callable[[], Waveform],
        *,
        annotated: bool = True,
        on_progress: Callable[[str, int, int], None] | None = None,
    ) -> TrackedVideo:
        """Track the speakers of one video; an error is recorded, not raised.

        Args:
            frames: Its frames.
            load_audio: Reads its audio.
            annotated: Whether its data set has annotations of it.
            on_progress: Called with the title of the running stage, the number of frames for which
                it is done, and the number of frames of the video.
        """
        done = TrackedVideo(frames.name, len(frames), frames.size, frames.fps)
        reason = self.strategy.reason_to_skip(annotated=annotated)
        if reason is not None:
            done.count({reason: 1})
            return done
        progress = StageProgress(on_progress, len(frames))
        try:
            progress.start('speech')
            audio = self._load_audio(done, frames, load_audio)
            self._recognize_speech(done, audio)
            progress.finish()
            reason = self.strategy.reason_to_stop(done.speech.final, audio)
            if reason is not None:
                done.count({reason: 1})
                return done
            done.detections = self._track_instances(done, frames, progress)
            video = VideoContext(done.name, frames, audio, done.detections)
            self._ground_speakers(done, video, progress)
            progress.start('global')
            self._associate_identities(done, video)
            progress.finish()
        except Exception as error:  # one video must not end the run
            done.fail(error)
        return done

    def _load_audio(
        self, done: TrackedVideo, frames: FrameSource, load_audio: Callable[[], Waveform]
    ) -> Waveform:
        with done.profiler.measure('sound'):
            audio = load_audio()
        done.seconds = audio.seconds
        done.fps = self.strategy.frame_rate(frames, audio, done.counts)
        return audio

    def _recognize_speech(self, done: TrackedVideo, audio: Waveform) -> None:
        def recognize() -> Iterator[SpeechRecord]:
            yield self.speech.run(audio, done.speech)

        (done.speech,) = self._run(_SPEECH, recognize, done, audio=audio)
        done.count(done.speech.counts)

    def _track_instances(
        self, done: TrackedVideo, frames: FrameSource, progress: StageProgress
    ) -> PackedDetections:
        done.stage = 'vision'
        progress.start('vision')
        watched = cast(FrameSource, WatchedFrames(frames, progress))
        found = PackedDetections(len(frames))
        tracked = self._run(
            _VISION, lambda: self.tracker.track(watched, prompt=self.prompt), done, frames=frames
        )
        for frame, detections in progress.over(tracked, len(frames)):
            found[frame] = detections
        missing = int(found.missing.sum())
        if missing:
            done.counts['frames_without_tracker_entry'] = missing
        return found

    def _ground_speakers(
        self, done: TrackedVideo, video: VideoContext, progress: StageProgress
    ) -> None:
        """Answer window after window."""
        done.stage = 'local'
        progress.start('local')
        windows = self.strategy.windows(
            done.speech.final, fps=done.fps, num_frames=done.num_frames, counts=done.counts
        )
        queries = _queries(windows, done)
        needs_all = getattr(self.grounding, 'needs_all_windows', False)
        answers = self._run(
            replace(_LOCAL, resumable=not needs_all),
            lambda: self.grounding.ground(video, queries),
            done,
            frames=video.frames,
            audio=video.audio,
        )
        for answer in progress.over(answers, len(done.speech.final)):
            # The window of a stored answer is not asked; answers without a window are left out.
            if len(done.windows) > len(done.answers) or next(queries, None) is not None:
                done.answers.append(answer)
        for answer in done.answers:
            done.count(answer.counts)
        pairs = zip(done.windows, done.answers, strict=True)
        done.masks = [self.strategy.masks(video, window, answer) for window, answer in pairs]

    def _associate_identities(self, done: TrackedVideo, video: VideoContext) -> None:
        done.stage = 'global'
        windows = self.strategy.windows_to_associate(done.masks, done.counts)
        # Key frames of official windows may lie outside of the video; they cannot be shown.
        shown = [w.utterance for w in windows if 0 <= w.utterance.key_frame < done.num_frames]
        if not shown:
            return
        (answer,) = self._run(
            _GLOBAL,
            lambda: [self.identity.group(video, shown)],
            done,
            frames=video.frames,
            audio=video.audio,
        )
        done.grouping = answer
        done.count(answer.counts)
        for person in self.strategy.persons(video, answer.persons, windows, done.counts):
            done.persons.append(person)

    def _run(
        self,
        stage: StageSpec[Any],
        work: Callable[[], Iterable[Any]],
        done: TrackedVideo,
        *,
        frames: FrameSource | None = None,
        audio: Waveform | None = None,
    ) -> Iterator[Any]:
        """The results of a stage, which depend on its components and on those of stages before."""
        components: dict[str, tuple[Any, ...]] = {
            'speech': (self.speech.recognizer, self.speech.separator, self.speech.encoder),
            'vision': (self.tracker,),
            'local': (self.grounding,),
            'global': (self.identity,),
        }
        used = ['vision'] if stage.name == 'vision' else list(components)
        used = used[: used.index(stage.name) + 1]
        return self.runner.run(
            stage,
            work,
            done,
            components={name: components[name] for name in used},
            frames=frames,
            audio=audio,
        )


def _queries(windows: Iterable[Any], done: TrackedVideo) -> Iterator[LocalQuery]:
    """The queries of the windows; a window is added to ``done`` when its query is taken."""
    for window in windows:
        done.windows.append(window)
        yield window.query
