"""Stack the face tracks of a batch, and compute the MFCCs of their audio, on the device."""

from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor

from avis.models.audio_encoders.mfcc import align_rows, mfcc
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample


@MODELS.register_module()
class ActiveSpeakerPreprocessor(BaseDataPreprocessor):
    """Stack tracks of one length; in training all are cut to the shortest one of the batch.

    Args:
        noise: Mix the audio of other tracks of the batch in training, see
            :class:`~avis.models.data_preprocessors.track_noise.TrackNoise`; None for none.
    """

    def __init__(self, *, noise: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.noise = None if noise is None else MODELS.build(noise)

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """Stack one batch.

        Args:
            data: ``inputs``: ``faces`` B times uint8 (T, H, W), gray, ``audio`` B times float (S,)
                in [-1, 1] at 16000 Hz; ``data_samples``: B samples with ``fps`` and in training
                ``gt_speaking`` (T,), or absent at 25 frames per second.
            training: Cut to the shortest track, and mix noise.

        Returns:
            ``inputs``: ``faces`` float32 (B, T, H, W), ``audio`` MFCCs (B, 4*T, 13);
            ``data_samples``.

        Raises:
            ValueError: Faces of several sizes, or tracks of several lengths in testing.
        """
        data = self.cast_data(data)
        faces, audio = list(data['inputs']['faces']), list(data['inputs']['audio'])
        samples = data.get('data_samples')
        lengths = [len(track) for track in faces]
        sizes = {tuple(track.shape[1:]) for track in faces}
        if len(sizes) > 1 or (not training and len(set(lengths)) > 1):
            raise ValueError(
                f'ActiveSpeakerPreprocessor: expected tracks of one length and face size, got '
                f'{[tuple(track.shape) for track in faces]}; test with batch_size=1'
            )
        length = min(lengths)
        if training and samples is not None and self.noise is not None:
            audio = self.noise(audio, samples)
        rates = [25.0 if samples is None else sample.fps for sample in samples or faces]
        rows = [
            align_rows(mfcc(waveform, fps=fps), own)[: 4 * length]
            for waveform, fps, own in zip(audio, rates, lengths, strict=True)
        ]
        inputs = {
            'faces': torch.stack([track[:length] for track in faces]).float(),
            'audio': torch.stack(rows),
        }
        if training and samples is not None:
            samples = [_cut_labels(sample, length) for sample in samples]
        return {'inputs': inputs, 'data_samples': samples}


def _cut_labels(sample: AVDataSample, length: int) -> AVDataSample:
    """Return a sample with the labels of the first ``length`` frames."""
    sample = sample.new()
    sample.gt_speaking = sample.gt_speaking[:length]
    return sample
