"""AVTracker: who speaks, where, and who is the same, without training.

Zhang et al., *AVTrack*, 2026 (arXiv:2606.02724), released as FudanCVL/AVTrack. Four stages over
replaceable parts; read :mod:`avis.avtracker.interfaces` for the parts and
:class:`~avis.avtracker.pipeline.Pipeline` for the way through.
"""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from mmengine.logging import print_log
from mmengine.model import BaseModel
from mmengine.structures import InstanceData
from torch import Tensor, nn

from avis.avtracker.asr.speech_stage import SpeechStage
from avis.avtracker.cache import StageCache, describe
from avis.avtracker.grounding.vlm_grounding import VLMGrounding
from avis.avtracker.identity.embedding_identity import FaceIdentity
from avis.avtracker.identity.vlm_identity import VLMIdentity
from avis.avtracker.interfaces import ModelUnavailable
from avis.avtracker.loading import build_part
from avis.avtracker.pipeline import Pipeline, TrackedVideo
from avis.avtracker.record import to_record
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample
from avis.structures.mask_track import MaskTrack
from avis.structures.media import FrameSource, ImageArray, Waveform
from avis.utils.atomic import write_atomic
from avis.utils.file_names import safe_file_name

Protocol = Literal['official', 'corrected']


@MODELS.register_module()
class AVTracker(BaseModel):
    """Track the speakers of videos by speech, instances and a vision-language model.

    Parts are configs or built objects. The video comes as a frame source and a sound source
    (:class:`~avis.datasets.transforms.whole_video.PackVideo`), or as tensors.

    Args:
        speech: Who says what when, a :class:`~avis.avtracker.asr.speech_stage.SpeechStage`.
        instance_tracker: Finds and follows people.
        grounding: Says which detection speaks.
        identity: Says which windows are one person.
        window_seconds: Length of fixed windows; None for one window per chunk. The official
            protocol never reads it.
        max_frames: Most frames in one question.
        prompt: What the instance tracker looks for.
        protocol: 'official' behaves as the released code, step by step; 'corrected' mends the
            defects listed in docs/avtracker.md.
        cache_dir: Where results of stages are kept, so that a change of one part does not repeat
            the others, and an interrupted run goes on; None keeps nothing.
        record_dir: Where the record of each video is written, ``<video>.json``; None for nowhere.
        on_error: What an error in one video does: 'record' it, predict nobody and go on (a missing
            package, or a model or endpoint that is gone, always ends the run); or 'raise'.
    """

    reads_whole_videos = True
    needs_checkpoint = False

    def __init__(  # noqa: PLR0913 - one config per part
        self,
        *,
        speech: SpeechStage | dict[str, Any],
        instance_tracker: Any,
        grounding: Any,
        identity: Any,
        window_seconds: float | None = None,
        max_frames: int = 30,
        prompt: str = 'person',
        protocol: Protocol = 'corrected',
        cache_dir: str | None = None,
        record_dir: str | None = None,
        on_error: Literal['record', 'raise'] = 'record',
    ) -> None:
        super().__init__()
        _check('protocol', protocol, get_args(Protocol))
        _check('on_error', on_error, ('record', 'raise'))
        if max_frames < 1 or (window_seconds is not None and window_seconds <= 0):
            raise ValueError(
                f'AVTracker: max_frames and window_seconds must be above 0, got {max_frames} and '
                f'{window_seconds}'
            )
        # Distributed wrappers refuse a model without parameters.
        self.anchor = nn.Parameter(torch.zeros(1))
        self.protocol = protocol
        self.on_error = on_error
        self.record_dir = None if record_dir is None else Path(record_dir)
        settings = {
            'speech': [describe(speech)],
            'vision': [describe(instance_tracker), prompt],
            'local': [describe(grounding), window_seconds, max_frames],
            'global': [describe(identity)],
        }
        self._pipeline = Pipeline(
            speech=build_part(speech, method='run', where='AVTracker: speech'),
            tracker=build_part(
                instance_tracker, method='track', where='AVTracker: instance_tracker'
            ),
            grounding=build_part(grounding, method='ground', where='AVTracker: grounding'),
            identity=build_part(identity, method='group', where='AVTracker: identity'),
            protocol=protocol,
            prompt=prompt,
            max_frames=max_frames,
            window_seconds=window_seconds,
            cache=None if cache_dir is None else StageCache(cache_dir),
            configs=settings,
        )
        if protocol == 'official':
            _check_released(self._pipeline)
        for part in (self._pipeline.speech, self._pipeline.grounding, self._pipeline.identity):
            _set_where_known(part, protocol=protocol, max_frames=max_frames)

    def forward(
        self,
        inputs: dict[str, list[Any]],
        data_samples: list[AVDataSample] | None = None,
        mode: str = 'predict',
    ) -> list[AVDataSample]:
        """Track the speakers of a batch of videos, one after the other.

        Args:
            inputs: ``frames``: per video a ``FrameSource``, or a uint8 tensor (T, 3, H, W).
                ``audio``: per video a source with ``read()``, or a float tensor (S,), or None.
            data_samples: Metainfo names the video; tensors need ``fps`` and ``sample_rate``.
            mode: Only 'predict': there is nothing to train.

        Returns:
            The samples with ``pred_tracks``; ``failure`` in the metainfo of one that had an error.
        """
        if mode != 'predict':
            raise ValueError(
                f"AVTracker only knows mode='predict', got {mode!r}: it needs no training"
            )
        frames = inputs['frames']
        samples = data_samples or [AVDataSample() for _ in frames]
        sounds = inputs.get('audio') or [None] * len(frames)
        for source, audio, sample in zip(frames, sounds, samples, strict=True):
            video = _frame_source(source, sample)
            self._predict(video, _make_audio_loader(audio, video, sample), sample)
        return samples

    def _predict(
        self, frames: FrameSource, hear: Callable[[], Waveform], sample: AVDataSample
    ) -> None:
        done = self._pipeline.run(frames, hear)
        if self.record_dir is not None:
            record = to_record(done, protocol=self.protocol, settings=self._pipeline.configs)
            text = json.dumps(record, ensure_ascii=False, default=str)
            # Half a pair of surrogates in a reply is invalid UTF-8, but valid JSON as \udcff.
            path = self.record_dir / f'{safe_file_name(done.name)}.json'
            write_atomic(path, text, errors='backslashreplace')
        failure = done.failure
        if failure is not None:
            hopeless = isinstance(failure.cause, ModelUnavailable | ImportError)
            if self.on_error == 'raise' or hopeless:
                raise failure
            print_log(f'{done.name}: {failure}', logger='current', level=logging.ERROR)
            sample.set_metainfo({'failure': str(failure)})
        elif done.counts:
            print_log(f'{done.name}: {dict(done.counts)}', logger='current')
        sample.pred_tracks = _tracks(done)
        if 'ori_shape' not in sample.metainfo:
            sample.set_metainfo({'ori_shape': done.size})


def _check(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f'AVTracker: {name} must be one of {known}, got {value!r}')


def _set_where_known(part: Any, **settings: Any) -> None:
    for name, value in settings.items():
        if hasattr(part, name):
            setattr(part, name, value)


def _check_released(pipeline: Pipeline) -> None:
    """Refuse what the released code cannot do; it would do something else without a word (D3)."""
    released = SpeechStage | VLMGrounding | VLMIdentity | FaceIdentity
    for part in (pipeline.speech, pipeline.grounding, pipeline.identity):
        if not isinstance(part, released):
            raise ValueError(
                f'AVTracker: the released code has no {type(part).__name__}, so '
                f"protocol='official' does not go with it. Set protocol='corrected'."
            )
    if isinstance(pipeline.identity, FaceIdentity) and pipeline.speech.separator is not None:
        raise ValueError(
            'AVTracker: the released code never separates where it groups by faces. Set '
            "speech.separator=None, or protocol='corrected'."
        )
    if pipeline.window_seconds is not None:
        print_log(
            "AVTracker: window_seconds is not read with protocol='official' (D1): one window per "
            'chunk.',
            logger='current',
            level=logging.WARNING,
        )


def _tracks(done: TrackedVideo) -> InstanceData:
    """One track per person who is seen; RLE or None per frame."""
    tracks = {
        person.number: MaskTrack(*done.size, [person.masks.get(t) for t in range(done.num_frames)])
        for person in sorted(done.persons, key=lambda person: person.number)
    }
    seen = {number: track for number, track in tracks.items() if any(track.rles)}
    return InstanceData(
        labels=torch.zeros(len(seen), dtype=torch.long),
        ids=torch.tensor(list(seen), dtype=torch.long),
        scores=torch.ones(len(seen)),
        masks=list(seen.values()),
    )


class _TensorFrames:
    """A clip in memory as a frame source."""

    def __init__(self, frames: Tensor, *, name: str, fps: float) -> None:
        if frames.ndim != 4 or frames.shape[1] != 3 or frames.dtype != torch.uint8:
            raise ValueError(
                f'AVTracker takes frames as uint8 (T, 3, H, W), got {frames.dtype} of shape '
                f'{tuple(frames.shape)}'
            )
        self.frames, self.name, self.fps = frames, name, fps
        self.size = (int(frames.shape[2]), int(frames.shape[3]))

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> ImageArray:
        image: ImageArray = self.frames[index].permute(1, 2, 0).contiguous().cpu().numpy()
        return image


def _frame_source(source: Any, sample: AVDataSample) -> FrameSource:
    if not isinstance(source, Tensor):
        frames: FrameSource = source
        return frames
    name = str(sample.get('video_name', sample.get('video_id', 'video')))
    return _TensorFrames(source, name=name, fps=float(_known(sample, 'fps')))


def _make_audio_loader(
    audio: Any, video: FrameSource, sample: AVDataSample
) -> Callable[[], Waveform]:
    def hear() -> Waveform:
        """Only when the pipeline asks, so that a broken file is an error of its video."""
        if audio is None:
            return Waveform(np.zeros(0, np.float32), 16000, video.name)
        if isinstance(audio, Tensor):
            rate = int(_known(sample, 'sample_rate'))
            return Waveform(audio.cpu().numpy().astype(np.float32), rate, video.name)
        return Waveform(audio.read(), audio.sample_rate, video.name)

    return hear


def _known(sample: AVDataSample, key: str) -> Any:
    value = sample.get(key)
    if value is None:
        raise ValueError(f'AVTracker: tensors need {key} in the metainfo of their data sample')
    return value
