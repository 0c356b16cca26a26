"""AVISM's clip module: from the queries of all frames to instances of the whole clip.

Letters: L kept decoder layers of the frame head, B clips, T frames, P queries per frame, Q queries
per clip, K classes, C channels, D width of an audio embedding.
"""

from torch import Tensor, nn

from avis.models.decode_heads.clip_head import ClipHead
from avis.models.layers.attention import DecoderLayer
from avis.models.layers.window_attention import WindowCrossAttention, WindowSelfAttention
from avis.registry import MODELS


@MODELS.register_module()
class AVISMClipHead(ClipHead):
    """Encode the queries of all frames over time, fuse audio, decode clip queries.

    Frame queries attend to each other within windows of frames (``encoder``). One audio token per
    frame attends to the encoded queries within windows (``fusion``) and is added to those of its
    frame. Clip queries attend to all of them (``decoder``).

    Any number of frames and clips works; a clip's result does not depend on others in its batch.
    The official module repeats the audio for each query of a frame; as these copies stay equal, one
    is enough for the same result.

    Without audio (``audio_dim=None``) this is the clip module of VITA.

    Sources: Guo et al., *Audio-Visual Instance Segmentation*, CVPR 2025 (arXiv:2310.18709); Heo et
    al., *VITA*, NeurIPS 2022 (arXiv:2206.04403).

    Args:
        num_classes: K, without "no object".
        channels: C, width of the frame queries.
        audio_dim: D, width of an audio embedding; None for a model without audio.
        num_queries: Q.
        num_frame_queries: P, of the frame head.
        num_heads: Number of heads of every attention.
        hidden_channels: Width within the feed-forward blocks.
        num_encoder_layers: Number of layers of ``encoder``, and of ``fusion``.
        num_decoder_layers: Number of layers of ``decoder``.
        window: Frames per window; 0 attends to all frames of the clip.
        shift_in_training: Shift the windows of every second encoder layer in training too. The
            official module shifts windows of the encoder in evaluation only, those of the fusion
            always.
    """

    def __init__(  # noqa: PLR0913 - the sizes of a transformer
        self,
        *,
        num_classes: int,
        channels: int = 256,
        audio_dim: int | None = 128,
        num_queries: int = 100,
        num_frame_queries: int = 100,
        num_heads: int = 8,
        hidden_channels: int = 2048,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 3,
        window: int = 6,
        shift_in_training: bool = False,
    ) -> None:
        super().__init__(num_classes=num_classes, channels=channels)
        self.shift_in_training = shift_in_training
        sizes = {'channels': channels, 'num_heads': num_heads, 'window': window}
        sizes['hidden_channels'] = hidden_channels
        self.encoder = nn.ModuleList(
            WindowSelfAttention(**sizes) for _ in range(num_encoder_layers)
        )
        self.audio_proj = None if audio_dim is None else nn.Linear(audio_dim, channels)
        num_fusion_layers = 0 if audio_dim is None else num_encoder_layers
        self.fusion = nn.ModuleList(WindowCrossAttention(**sizes) for _ in range(num_fusion_layers))
        self.decoder = nn.ModuleList(
            DecoderLayer(channels, num_heads, hidden_channels) for _ in range(num_decoder_layers)
        )
        self.add_predictors(
            num_queries=num_queries, num_frame_queries=num_frame_queries, learned_content=True
        )

    def make_memory(self, frame_queries: Tensor, audio: Tensor) -> Tensor:
        """Encode the frame queries within windows and add the audio token of each frame."""
        self._check_audio(frame_queries, audio)
        return self.fuse_audio(self.encode(frame_queries.flatten(0, 1)), audio)

    def encode(self, frame_queries: Tensor) -> Tensor:
        """Encode frame queries (N, T, P, C) over time; returns the same shape."""
        tokens = self.input_proj(frame_queries)
        shift = self.shift_in_training or not self.training
        for index, layer in enumerate(self.encoder):
            tokens = layer(tokens, shifted=shift and index % 2 == 1)
        return tokens

    def fuse_audio(self, tokens: Tensor, audio: Tensor) -> Tensor:
        """Return encoded frame queries (L * B, T, P, C) with audio (B, T, D), if it is used."""
        if self.audio_proj is None:
            return tokens
        layers = len(tokens) // len(audio)
        audio_embed = self.audio_proj(audio).expand(layers, -1, -1, -1).flatten(0, 1)
        return tokens + self.fuse(audio_embed, tokens)[:, :, None]

    def fuse(self, audio_embed: Tensor, tokens: Tensor) -> Tensor:
        """Attend from audio (N, T, C) to encoded frame queries (N, T, P, C); returns (N, T, C)."""
        for index, layer in enumerate(self.fusion):
            audio_embed = layer(audio_embed, tokens, shifted=index % 2 == 1)
        return audio_embed

    def decode(self, memory: Tensor) -> list[Tensor]:
        """Attend from learned clip queries to all tokens of the memory."""
        key = (memory + self.frame_query_embed.weight).flatten(1, 2)
        value, position = memory.flatten(1, 2), self.query_embed.weight
        queries = self.query_feat.weight.expand(len(memory), -1, -1)
        outputs = []
        for layer in self.decoder:
            queries = layer(queries, key, value, position)
            outputs.append(queries)
        kept = outputs if self.training else outputs[-1:]
        return [self.decoder_norm(queries) for queries in kept]

    def _check_audio(self, frame_queries: Tensor, audio: Tensor) -> None:
        if self.audio_proj is None:
            return
        expected = (*frame_queries.shape[1:3], self.audio_proj.in_features)
        if tuple(audio.shape) != expected:
            raise ValueError(
                f'AVISMClipHead: expected one audio embedding per frame, (B, T, D) = {expected}, '
                f'got {tuple(audio.shape)}. Set audio_dim to the width of the audio encoder.'
            )
