"""What all audio encoders have in common.

An audio encoder turns the sound of a clip into one vector per frame: ``forward(audio, num_frames)``
returns (B, T, C). What ``audio`` is tells its number of axes: (B, S) is a mono waveform at the
encoder's sample rate; (B, T, C) are embeddings that somebody computed before, which pass through;
some encoders take (B, N, 96, 64), log-mel examples. Start reading at
:class:`~avis.models.audio_encoders.log_mel_cnn.LogMelCNN`; the published one is
:class:`~avis.models.audio_encoders.vggish.VGGish`.
"""

import torch
from torch import Tensor, nn


class AudioEncoder(nn.Module):
    """Checks the sound, lets embeddings pass, and leaves the rest to ``encode``.

    Attributes:
        out_channels: C, width of one row of sound.
        accepts: What ``encode`` takes, for error messages.
    """

    out_channels: int
    accepts: str

    def forward(self, audio: Tensor, num_frames: int, lengths: Tensor | None = None) -> Tensor:
        """Describe the sound of every frame.

        Args:
            audio: Waveform, log-mel examples or embeddings; see the module.
            num_frames: T, frames of a clip.
            lengths: Samples (examples) per clip without the padding of the batch, int (B,). None
                takes all of them as sound.

        Returns:
            Float (B, T, C).

        Raises:
            ValueError: Another shape, another number of rows than frames, integers, NaN.
        """
        if not audio.is_floating_point() or not torch.isfinite(audio).all():
            what = 'NaN or infinite values' if audio.is_floating_point() else f'{audio.dtype}'
            raise ValueError(
                f'{type(self).__name__}: the sound holds {what}, expected finite floats; a '
                f'waveform lies in [-1, 1]. Look for broken files with '
                f'tools/dataset_tools/check_dataset.py.'
            )
        if audio.ndim == 3 and audio.shape[-1] == self.out_channels:
            if audio.shape[1] != num_frames:
                raise ValueError(
                    f'{type(self).__name__}: {audio.shape[1]} rows of embeddings for {num_frames} '
                    f'frames. Cut or extract the embeddings again, one row per frame.'
                )
            return audio
        return self.encode(audio, num_frames, lengths)

    def encode(self, audio: Tensor, num_frames: int, lengths: Tensor | None) -> Tensor:
        """Encode what is no embedding; see :meth:`forward`."""
        raise self.wrong_shape(audio)

    def wrong_shape(self, audio: Tensor) -> ValueError:
        """The error for a tensor that is nothing this encoder takes."""
        return ValueError(
            f'{type(self).__name__}: cannot read sound of shape {tuple(audio.shape)}, expected '
            f'{self.accepts}. Several channels are averaged before, by the data pipeline.'
        )
