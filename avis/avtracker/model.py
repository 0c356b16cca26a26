"""AVTracker: who speaks, where, and which speakers are the same, without training.

Wang, Zhou, Zhang and Ding, *AVTrack: Audio-Visual Tracking in Human-centric Complex Scenes*, ICML
2026 (arXiv:2606.02724); official code FudanCVL/AVTrack. Four stages with replaceable components:
see :mod:`avis.avtracker.interfaces` for the components and
:class:`~avis.avtracker.pipeline.Pipeline` for the data flow.
"""

import json
import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch
from mmengine.logging import print_log
from mmengine.structures import InstanceData

from avis.avtracker.asr.speech_stage import SpeechStage
from avis.avtracker.cache import StageCache, describe
from avis.avtracker.corrected import CorrectedStrategy
from avis.avtracker.interfaces import ModelUnavailable
from avis.avtracker.loading import build_part
from avis.avtracker.official.strategy import OfficialStrategy
from avis.avtracker.pipeline import Pipeline
from avis.avtracker.record import to_record
from avis.avtracker.stage_runner import StageRunner
from avis.avtracker.strategy import Components
from avis.avtracker.tracked_video import TrackedVideo
from avis.avtracker.tracks import visible_masks
from avis.avtracker.whole_video_model import WholeVideoModel
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample
from avis.structures.mask_track import MaskTrack
from avis.structures.media import FrameSource, Waveform
from avis.utils.atomic import write_atomic
from avis.utils.file_names import safe_file_name

_STRATEGIES: dict[str, type[OfficialStrategy] | type[CorrectedStrategy]] = {
    'official': OfficialStrategy,
    'corrected': CorrectedStrategy,
}
# Sentences for the user, by what was counted.
_WARNINGS = {
    'no_speech': 'No speech was recognized, so nobody is a speaker.',
    'no_audio': 'There is no audio or only silence, so nobody is a speaker.',
}


@MODELS.register_module()
class AVTracker(WholeVideoModel):
    """Track the speakers of videos by speech, instances and a vision-language model.

    Components are configs or built objects.

    Args:
        speech: Recognizes who says what when, a
            :class:`~avis.avtracker.asr.speech_stage.SpeechStage`.
        instance_tracker: Detects and tracks people.
        grounding: Finds the detection that speaks.
        identity: Finds the windows of the same person.
        window_seconds: Length of fixed windows; None for one window per speech segment. Ignored by
            the official protocol.
        max_frames: Most frames in one query.
        prompt: What the instance tracker looks for.
        protocol: 'official' behaves as the official code, step by step; 'corrected' corrects the
            defects listed in docs/avtracker_defects.md.
        cache_dir: Where results of stages are stored, so that a change of one component does not
            repeat the stages of the others, and an interrupted run goes on; None stores nothing.
        record_dir: Where the record of each video is written, ``<video>.json``; None for nowhere.
        on_error: Effect of an error in one video: 'record' it, predict nobody and go on (a missing
            package, or a model or endpoint that is gone, always ends the run); or 'raise'.

    Attributes:
        record_file: Where the record of the next video is written instead of ``record_dir``.
    """

    def __init__(  # noqa: PLR0913 - one config per component
        self,
        *,
        speech: SpeechStage | dict[str, Any],
        instance_tracker: Any,
        grounding: Any,
        identity: Any,
        window_seconds: float | None = None,
        max_frames: int = 30,
        prompt: str = 'person',
        protocol: Literal['official', 'corrected'] = 'corrected',
        cache_dir: str | None = None,
        record_dir: str | None = None,
        on_error: Literal['record', 'raise'] = 'record',
    ) -> None:
        super().__init__()
        _check('protocol', protocol, tuple(_STRATEGIES))
        _check('on_error', on_error, ('record', 'raise'))
        _check_sizes(max_frames, window_seconds)
        self.on_error = on_error
        self.record_dir = None if record_dir is None else Path(record_dir)
        self.record_file: Path | None = None
        settings = {
            'speech': [describe(speech)],
            'vision': [describe(instance_tracker), prompt],
            'local': [describe(grounding), window_seconds, max_frames],
            'global': [describe(identity)],
        }
        strategy = _STRATEGIES[protocol](max_frames=max_frames, window_seconds=window_seconds)
        components = strategy.adapt(
            Components(
                speech=build_part(speech, method='run', where='AVTracker: speech'),
                grounding=build_part(grounding, method='ground', where='AVTracker: grounding'),
                identity=build_part(identity, method='group', where='AVTracker: identity'),
            )
        )
        self._pipeline = Pipeline(
            speech=components.speech,
            tracker=build_part(
                instance_tracker, method='track', where='AVTracker: instance_tracker'
            ),
            grounding=components.grounding,
            identity=components.identity,
            strategy=strategy,
            runner=StageRunner(
                cache=None if cache_dir is None else StageCache(cache_dir),
                settings=settings,
                protocol=strategy.name,
            ),
            prompt=prompt,
        )

    def predict_video(
        self, frames: FrameSource, load_audio: Callable[[], Waveform], sample: AVDataSample
    ) -> None:
        """Add the tracks of the speakers to the sample of a video.

        Args:
            frames: The frames.
            load_audio: Returns the audio, empty if there is none.
            sample: Gets ``pred_tracks``, whose ``visible_masks`` also cover the frames in which a
                person is silent. Metainfo: ``transcript``, see
                :meth:`~avis.avtracker.tracked_video.TrackedVideo.transcript`; ``warnings``,
                sentences for the user; and ``failure`` after an error.
        """
        annotated = bool(sample.get('annotated', True))
        done = self._pipeline.run(
            frames, load_audio, annotated=annotated, on_progress=self.on_progress
        )
        self._write_record(done)
        failure = done.failure
        if failure is not None:
            fatal = isinstance(failure.cause, ModelUnavailable | ImportError)
            if self.on_error == 'raise' or fatal:
                raise failure
            cause = failure.cause
            details = '' if isinstance(cause, OSError) else _traceback(cause)
            print_log(f'{done.name}: {failure}{details}', logger='current', level=logging.ERROR)
            sample.set_metainfo({'failure': str(failure)})
        elif done.counts:
            print_log(f'{done.name}: {dict(done.counts)}', logger='current')
        sample.pred_tracks = _tracks(done)
        warnings = [text for kind, text in _WARNINGS.items() if done.counts[kind]]
        sample.set_metainfo({'transcript': done.transcript(), 'warnings': warnings})

    def _write_record(self, done: TrackedVideo) -> None:
        path = self.record_file
        if path is None and self.record_dir is not None:
            path = self.record_dir / f'{safe_file_name(done.name)}.json'
        if path is None:
            return
        runner = self._pipeline.runner
        record = to_record(done, protocol=runner.protocol, settings=runner.settings)
        text = json.dumps(record, ensure_ascii=False, default=str)
        # Half a pair of surrogates in a reply is invalid UTF-8, but valid JSON as \udcff.
        write_atomic(path, text, errors='backslashreplace')


def _traceback(error: BaseException) -> str:
    return '\n' + ''.join(traceback.format_exception(error))


def _check(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f'AVTracker: {name} must be one of {known}, got {value!r}')


def _check_sizes(max_frames: int, window_seconds: float | None) -> None:
    if max_frames < 1 or (window_seconds is not None and window_seconds <= 0):
        raise ValueError(
            f'AVTracker: expected max_frames and window_seconds above 0, got {max_frames} and '
            f'{window_seconds}'
        )


def _tracks(done: TrackedVideo) -> InstanceData:
    """One track per visible person; RLE or None per frame."""
    tracks = {
        person.number: MaskTrack(*done.size, [person.masks.get(t) for t in range(done.num_frames)])
        for person in sorted(done.persons, key=lambda person: person.number)
    }
    seen = {number: track for number, track in tracks.items() if any(track.rles)}
    visible = visible_masks(done.persons, done.detections)
    return InstanceData(
        labels=torch.zeros(len(seen), dtype=torch.long),
        ids=torch.tensor(list(seen), dtype=torch.long),
        scores=torch.ones(len(seen)),
        masks=list(seen.values()),
        visible_masks=[MaskTrack(*done.size, visible[number]) for number in seen],
    )
