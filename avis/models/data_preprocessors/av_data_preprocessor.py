"""Stack, pad and normalize a batch of clips on the device."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseDataPreprocessor
from mmengine.structures import InstanceData, PixelData
from torch import Tensor

from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample


@MODELS.register_module()
class AVDataPreprocessor(BaseDataPreprocessor):
    """Stack the clips of a data loader's lists to one batch.

    Frames are uint8 up to here. They are normalized and then padded with zeros: at the right and
    the bottom to a common size that is a multiple of ``size_divisor``, in time to the longest clip.
    Frames that ``PadFrames`` has added become zero too, as in the official code of AVSS: black
    frames would be -2 after normalization and change the statistics of batch norms in training.
    ``audio`` is padded with zeros along its first axis; it may be absent. In training
    ``gt_sem_seg`` is padded like the frames with class 0, and the masks of ``gt_tracks`` with
    False, as is ``gt_tracks.annotated`` in time; in testing they keep their size, and the
    prediction is cropped instead.

    Args:
        mean: Mean of red, green and blue in 0..255; default that of ImageNet.
        std: Standard deviation of red, green and blue in 0..255; default that of ImageNet.
        size_divisor: Height and width are padded to multiples of it.
    """

    def __init__(
        self,
        *,
        mean: Sequence[float] = (123.675, 116.28, 103.53),
        std: Sequence[float] = (58.395, 57.12, 57.375),
        size_divisor: int = 32,
    ) -> None:
        super().__init__()
        for name, values in (('mean', mean), ('std', std)):
            if len(values) != 3:
                raise ValueError(
                    f'AVDataPreprocessor: expected 3 values in {name}, got {list(values)}'
                )
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1), persistent=False)
        self.size_divisor = size_divisor

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """Stack one batch.

        Args:
            data: ``inputs``: ``frames`` B times uint8 (T, 3, H, W), ``audio`` B times (S,),
                (T, 96, 64) or (T, D), optionally ``prior_masks`` B times (T, h, w) and
                ``prior_images`` B times uint8 (T, 3, H, W), treated as frames;
                ``data_samples``: B samples or absent.
            training: Pad the ground truth too.

        Returns:
            ``inputs``: ``frames`` float32 (B, T, 3, H, W), ``audio`` (B, S), (B, T, 96, 64) or
            (B, T, D); ``audio_lengths`` int (B,), lengths of ``audio`` without padding, if they
            differ; ``prior_masks`` (B, T, h, w) and ``prior_images`` (B, T, 3, H, W) if given;
            ``valid_frames`` bool (B, T) if any frame is padding; ``expressions``, B sentences or
            None, if a sample has one; ``data_samples``.
        """
        data = self.cast_data(data)
        frames, audio = data['inputs']['frames'], data['inputs'].get('audio')
        samples = data.get('data_samples')
        batch = self._stack_frames(frames)
        inputs: dict[str, Any] = {'frames': batch}
        if audio is not None:
            inputs['audio'] = _stack_audio(audio)
            lengths = [len(waveform) for waveform in audio]
            if len(set(lengths)) > 1:
                inputs['audio_lengths'] = torch.tensor(lengths, device=batch.device)
        if 'prior_masks' in data['inputs']:
            priors = data['inputs']['prior_masks']
            inputs['prior_masks'] = torch.nn.utils.rnn.pad_sequence(list(priors), batch_first=True)
        if 'prior_images' in data['inputs']:
            inputs['prior_images'] = self._stack_frames(data['inputs']['prior_images'])
        valid = _valid_frames(frames, samples)
        if valid is not None:
            for name in {'frames', 'prior_images'} & set(inputs):
                inputs[name][~valid] = 0
            inputs['valid_frames'] = valid
        if samples is not None:
            if any('expression' in sample for sample in samples):
                inputs['expressions'] = [sample.get('expression') for sample in samples]
            flags = [None] * len(samples) if valid is None else list(valid)
            shape = (batch.shape[1], *batch.shape[3:])  # (T, H, W)
            samples = [
                _pad_sample(sample, shape, flag, training)
                for sample, flag in zip(samples, flags, strict=True)
            ]
        return {'inputs': inputs, 'data_samples': samples}

    def _stack_frames(self, frames: Sequence[Tensor]) -> Tensor:
        """Normalize B clips (T, 3, H, W) to one zero-padded batch (B, T, 3, H, W)."""
        length = max(len(clip) for clip in frames)
        sides = (max(clip.shape[axis] for clip in frames) for axis in (2, 3))
        height, width = (-(-side // self.size_divisor) * self.size_divisor for side in sides)
        batch = self.mean.new_zeros(len(frames), length, 3, height, width)
        for target, clip in zip(batch, frames, strict=True):
            target[: len(clip), :, : clip.shape[2], : clip.shape[3]] = (clip - self.mean) / self.std
        return batch


def _stack_audio(audio: Sequence[Tensor]) -> Tensor:
    """Stack the audio of B clips, padded with zeros along the first axis."""
    shapes = [tuple(waveform.shape) for waveform in audio]
    if len({shape[1:] for shape in shapes}) > 1:
        raise ValueError(
            f'expected audio of one kind in a batch, got shapes {shapes}. Load waveforms, log-mel '
            f'examples or embeddings, the same for every clip.'
        )
    return torch.nn.utils.rnn.pad_sequence(list(audio), batch_first=True)


def _valid_frames(
    frames: Sequence[Tensor], samples: Sequence[AVDataSample] | None
) -> Tensor | None:
    """Return flags bool (B, T), False on padding; None without padding."""
    lengths = [len(clip) for clip in frames]
    flags = [sample.get('valid_frames') for sample in samples or ()]
    if len(set(lengths)) == 1 and all(flag is None for flag in flags):
        return None
    valid = torch.zeros(len(frames), max(lengths), dtype=torch.bool, device=frames[0].device)
    for index, length in enumerate(lengths):
        flag = flags[index] if flags else None
        valid[index, :length] = True if flag is None else flag
    return valid


def _pad_sample(
    sample: AVDataSample, shape: tuple[int, int, int], valid: Tensor | None, training: bool
) -> AVDataSample:
    """Set the batch size (H, W) of a sample, and in training pad its ground truth to (T, H, W)."""
    sample = sample.new()
    length, height, width = shape
    sample.set_metainfo({'batch_input_shape': (height, width)})
    if not training:
        return sample
    if valid is not None:
        sample.valid_frames = valid
    if 'labeled_frames' in sample:
        missing = length - len(sample.labeled_frames)
        sample.labeled_frames = F.pad(sample.labeled_frames, (0, missing))
    if 'gt_sem_seg' in sample:
        labels = sample.gt_sem_seg.sem_seg  # (T, H, W)
        time, bottom, right = (m - n for m, n in zip(shape, labels.shape, strict=True))
        labels = F.pad(labels, (0, right, 0, bottom, 0, time))
        sample.gt_sem_seg = PixelData(sem_seg=labels)
    if 'gt_tracks' in sample:
        sample.gt_tracks = _pad_tracks(sample.gt_tracks, shape)
    return sample


def _pad_tracks(tracks: InstanceData, shape: tuple[int, int, int]) -> InstanceData:
    """Pad dense masks (N, T, H, W) and ``annotated`` (N, T) with False; training needs no RLEs."""
    if not isinstance(tracks.masks, Tensor):
        raise ValueError(
            "expected dense masks for training, got RLE; use LoadTracks(form='dense') in the "
            "training pipeline, form='tracks' is for evaluation"
        )
    time, bottom, right = (m - n for m, n in zip(shape, tracks.masks.shape[1:], strict=True))
    fields = {**dict(tracks.items()), 'masks': F.pad(tracks.masks, (0, right, 0, bottom, 0, time))}
    if 'annotated' in tracks:
        fields['annotated'] = F.pad(tracks.annotated, (0, time))
    return InstanceData(**fields)
