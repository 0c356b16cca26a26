"""Base of the models that read whole videos and are not trained."""

from abc import ABCMeta, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from avis.structures.av_data_sample import AVDataSample
from avis.structures.media import FrameSource, ImageArray, Waveform


class WholeVideoModel(BaseModel, metaclass=ABCMeta):
    """Predicts the videos of a batch one after the other; subclasses predict one video.

    A video is a frame source and an audio source
    (:class:`~avis.datasets.transforms.whole_video.PackVideo`), or tensors.

    Attributes:
        on_progress: Called with the name of the running stage, the number of frames for which it is
            done, and the number of frames of the video; None for nobody.
        training_hint: What the error of another mode than 'predict' says of training.
    """

    reads_whole_videos = True
    needs_checkpoint = False
    training_hint: ClassVar[str] = 'it is not trained'

    def __init__(self) -> None:
        super().__init__()
        # Distributed wrappers refuse a model without parameters.
        self.anchor = nn.Parameter(torch.zeros(1))
        self.on_progress: Callable[[str, int, int], None] | None = None

    def forward(
        self,
        inputs: dict[str, list[Any]],
        data_samples: list[AVDataSample] | None = None,
        mode: str = 'predict',
    ) -> list[AVDataSample]:
        """Predict a batch of videos.

        Args:
            inputs: ``frames``: per video a ``FrameSource``, or a uint8 tensor (T, 3, H, W).
                ``audio``: per video a float tensor (S,), None, or a source with ``sample_rate``
                and ``open()``, which returns samples that are read on access, or ``read()``, which
                returns them all.
            data_samples: Metainfo names the video; tensors need ``fps`` and ``sample_rate``.
            mode: Only 'predict'.

        Returns:
            The samples with the predictions of :meth:`predict_video`.
        """
        name = type(self).__name__
        if mode != 'predict':
            raise ValueError(f"{name}: expected mode='predict', got {mode!r}; {self.training_hint}")
        frames = inputs['frames']
        samples = data_samples or [AVDataSample() for _ in frames]
        audios = inputs.get('audio') or [None] * len(frames)
        for source, audio, sample in zip(frames, audios, samples, strict=True):
            video = _frame_source(source, sample, name)
            self.predict_video(video, _make_audio_loader(audio, video, sample, name), sample)
            if 'ori_shape' not in sample.metainfo:
                sample.set_metainfo({'ori_shape': video.size})
        return samples

    @abstractmethod
    def predict_video(
        self, frames: FrameSource, load_audio: Callable[[], Waveform], sample: AVDataSample
    ) -> None:
        """Add ``pred_tracks`` to the sample of a video.

        Args:
            frames: The frames.
            load_audio: Returns the audio, empty if there is none.
            sample: Its metainfo names the video.
        """


class _TensorFrames:
    """Frame source over a tensor."""

    def __init__(self, frames: Tensor, *, name: str, fps: float, model: str) -> None:
        if frames.ndim != 4 or frames.shape[1] != 3 or frames.dtype != torch.uint8:
            raise ValueError(
                f'{model}: expected uint8 frames of shape (T, 3, H, W), got {frames.dtype} of '
                f'shape {tuple(frames.shape)}'
            )
        self.frames, self.name, self.fps = frames, name, fps
        self.size = (int(frames.shape[2]), int(frames.shape[3]))

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> ImageArray:
        image: ImageArray = self.frames[index].permute(1, 2, 0).contiguous().cpu().numpy()
        return image


def _frame_source(source: Any, sample: AVDataSample, model: str) -> FrameSource:
    if not isinstance(source, Tensor):
        frames: FrameSource = source
        return frames
    name = str(sample.get('video_name', sample.get('video_id', 'video')))
    fps = float(_known(sample, 'fps', model))
    return _TensorFrames(source, name=name, fps=fps, model=model)


def _make_audio_loader(
    audio: Any, video: FrameSource, sample: AVDataSample, model: str
) -> Callable[[], Waveform]:
    def load_audio() -> Waveform:
        """Called by the model, so that a broken file is an error of its video."""
        if audio is None:
            return Waveform(np.zeros(0, np.float32), 16000, video.name)
        if isinstance(audio, Tensor):
            rate = int(_known(sample, 'sample_rate', model))
            return Waveform(audio.cpu().numpy().astype(np.float32), rate, video.name)
        samples = audio.open() if hasattr(audio, 'open') else audio.read()
        return Waveform(samples, audio.sample_rate, video.name)

    return load_audio


def _known(sample: AVDataSample, key: str, model: str) -> Any:
    value = sample.get(key)
    if value is None:
        raise ValueError(
            f'{model}: tensors need {key} in the metainfo of their data sample, got none'
        )
    return value
