"""Base of the audio encoders.

An audio encoder maps the audio of a clip to one embedding per frame: ``forward(audio, num_frames)``
returns (B, T, C). The number of axes of ``audio`` determines its kind: (B, S) is a mono waveform at
the encoder's sample rate; (B, T, C) are precomputed embeddings, which pass through; some encoders
accept log-mel examples (B, N, 96, 64). Start reading at
:class:`~avis.models.audio_encoders.log_mel_cnn.LogMelCNN`; the encoder of the official models is
:class:`~avis.models.audio_encoders.vggish.VGGish`.
"""

import torch
from torch import Tensor, nn


class AudioEncoder(nn.Module):
    """Check the audio, return embeddings unchanged, and call ``encode`` for everything else.

    Attributes:
        out_channels: C, width of an audio embedding.
        accepts: The accepted kinds of audio, for error messages.
    """

    out_channels: int
    accepts: str

    def forward(self, audio: Tensor, num_frames: int, lengths: Tensor | None = None) -> Tensor:
        """Return one audio embedding per frame.

        Args:
            audio: Waveform, log-mel examples or embeddings; see the module.
            num_frames: T, number of frames of a clip.
            lengths: Samples (or examples) per clip without the padding of the batch, int (B,); None
                if there is no padding.

        Returns:
            Float (B, T, C).

        Raises:
            ValueError: Unknown shape, a number of embeddings that differs from the number of
                frames, integers, NaN.
        """
        if not audio.is_floating_point() or not torch.isfinite(audio).all():
            what = 'NaN or infinite values' if audio.is_floating_point() else f'{audio.dtype}'
            raise ValueError(
                f'{type(self).__name__}: expected finite floats as audio, a waveform in [-1, 1], '
                f'got {what}. Look for broken files with '
                f'tools/dataset_tools/check_dataset.py.'
            )
        if audio.ndim == 3 and audio.shape[-1] == self.out_channels:
            if audio.shape[1] != num_frames:
                raise ValueError(
                    f'{type(self).__name__}: expected {num_frames} embeddings, one per frame, got '
                    f'{audio.shape[1]}. Cut or extract the embeddings again.'
                )
            return audio
        return self.encode(audio, num_frames, lengths)

    def encode(self, audio: Tensor, num_frames: int, lengths: Tensor | None) -> Tensor:
        """Encode audio other than embeddings; see :meth:`forward`."""
        raise self.shape_error(audio)

    def shape_error(self, audio: Tensor) -> ValueError:
        """Return the error for audio of a shape that this encoder does not accept."""
        return ValueError(
            f'{type(self).__name__}: expected {self.accepts}, got audio of shape '
            f'{tuple(audio.shape)}. Average several channels in the data pipeline.'
        )
