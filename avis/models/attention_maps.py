"""Record where the fusion blocks of a model attend to the audio, while it predicts.

A block is recorded if it has ``audio_attention``, see :mod:`avis.models.fusion.checks`; efficient
forms of attention compute no weights, so that the recorder computes those of the audio of each
frame on its own frame from the input of the block. Start reading at :class:`AttentionRecorder`.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avis.models.decode_heads.frame_predictions import FramePredictions
from avis.models.decode_heads.mask2former_frame_head import Mask2FormerFrameHead
from avis.models.fusion.query_fusion import AVISMQueryFusion
from avis.models.layers.window_attention import WindowCrossAttention

AttentionMaps: TypeAlias = dict[str, Tensor]

_MASK_STRIDE = 4  # of the mask logits that a map of queries is made from, on their grid


class AttentionRecorder:
    """Records the maps of all fusion blocks; a context manager around predictions.

    Outputs do not change. The maps, by the name of the block in the model, are:

    - blocks of a feature pyramid: their ``audio_attention``;
    - :class:`~avis.models.fusion.query_fusion.AVISMQueryFusion`: the weights of the audio on the
      tokens of each level, mean of heads and queries (``<name>.attentions.<level>``);
    - the cross-attention of :class:`~avis.models.decode_heads.avism_clip_head.AVISMClipHead` from
      audio to frame queries: the masks of the queries of the frame, weighted by the attention.

    Args:
        model: A segmentor without the wrapper of distributed training.

    Raises:
        ValueError: The model has no block that attends to audio.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model: Any = model
        self.blocks = {
            name: module
            for name, module in model.named_modules()
            if hasattr(module, 'audio_attention')
        }
        if not self.blocks:
            raise ValueError(
                f'{type(model).__name__}: expected a fusion block that attends to audio, got none'
            )
        self.active = True
        self.input_size = (0, 0)
        self._maps: dict[str, list[Tensor]] = {}
        self._masks: list[Tensor] = []
        self._handles: list[Any] = []

    def __enter__(self) -> 'AttentionRecorder':
        self._handles = [self.model.backbone.register_forward_pre_hook(self._start)]
        recorders: dict[type, Callable[..., None]] = {
            AVISMQueryFusion: self._record_tokens,
            WindowCrossAttention: self._record_queries,
        }
        for name, block in self.blocks.items():
            record = recorders.get(type(block), self._record_map)
            self._handles.append(
                block.register_forward_hook(self._hook(name, record), with_kwargs=True)
            )
        if any(isinstance(block, WindowCrossAttention) for block in self.blocks.values()):
            heads = (m for m in self.model.modules() if isinstance(m, Mask2FormerFrameHead))
            self._handles += [head.register_forward_hook(self._keep_masks) for head in heads]
        return self

    def __exit__(self, *error: object) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def take(self) -> AttentionMaps:
        """Return what was recorded since the last call, and forget it.

        Returns:
            Maps float32 (B, T, h, w) on the CPU, which cover the padded input of the size
            ``input_size``; several forward passes of a block, which are chunks of one clip, are
            concatenated along T.
        """
        maps = {name: torch.cat(parts, 1) for name, parts in self._maps.items()}
        self._maps, self._masks = {}, []
        return maps

    def _hook(self, name: str, record: Callable[..., None]) -> Callable[..., None]:
        @torch.no_grad()
        def hook(block: Any, args: Any, kwargs: Any, output: Any) -> None:
            if self.active:
                record(name, block.audio_attention(*args, **kwargs))

        return hook

    def _start(self, backbone: nn.Module, args: tuple[Tensor, ...]) -> None:
        height, width = args[0].shape[-2:]
        self.input_size = (height, width)

    def _record_map(self, name: str, attention: Tensor) -> None:
        self._maps.setdefault(name, []).append(attention.float().cpu())

    def _record_tokens(self, name: str, attention: list[Tensor]) -> None:
        """Arrange the weights (N, S) of N frames of one clip as maps (1, N, h, w)."""
        height, width = self.input_size
        for level, weights in enumerate(attention):
            stride = round((height * width / weights.shape[1]) ** 0.5)
            grid = weights.unflatten(1, (height // stride, width // stride))
            self._record_map(f'{name}.attentions.{level}', grid[None])

    def _record_queries(self, name: str, attention: Tensor) -> None:
        """Average the masks of the queries by their weights (B, T, Q)."""
        masks = torch.cat(self._masks, 1)  # (B, T, Q, h, w)
        self._record_map(name, torch.einsum('btq,btqhw->bthw', attention, masks))

    @torch.no_grad()
    def _keep_masks(self, head: nn.Module, args: Any, output: FramePredictions) -> None:
        """Keep the probabilities of the masks of all queries, on a coarse grid."""
        if not self.active:
            return
        # Resizing is linear: the features are resized, not the masks of all queries.
        features = output.pixel_features
        small = F.avg_pool2d(features.flatten(0, 1), _MASK_STRIDE, ceil_mode=True)
        embeds, offset = output.projection.project_embeds(output.mask_embeds)
        logits = torch.einsum('btqc,btchw->btqhw', embeds, small.unflatten(0, features.shape[:2]))
        self._masks.append((logits + offset[..., None, None]).sigmoid())
