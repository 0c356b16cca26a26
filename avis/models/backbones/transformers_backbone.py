"""Any image network of transformers as a backbone."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from avis.models.backbones.pyramid import STRIDES, PyramidBackbone
from avis.models.transformers_loading import build_network, open_config
from avis.registry import MODELS

_PROBE_SIDE = 64


@MODELS.register_module()
class TransformersBackbone(PyramidBackbone):
    """A network of transformers' ``AutoBackbone``: DINOv2, Swin, ConvNeXt, PVT v2 and others.

    Args:
        model: Name on the Hugging Face hub, or folder, of pretrained weights; or the config of a
            network with random weights, with its ``model_type``.
        out_indices: Stages of the network, 0 for its stem; None for four stages, evenly spaced up
            to the last one: of a vision transformer each layer is a stage.
        out_channels: Width of the four outputs; None for the widths of their sources.
        frozen_stages: Number of maps of the network, from the finest one, whose parameters are not
            trained, with all before them.
    """

    def __init__(
        self,
        *,
        model: str | dict[str, Any],
        out_indices: Sequence[int] | None = None,
        out_channels: Sequence[int] | None = None,
        frozen_stages: int = 0,
    ) -> None:
        config = open_config(model, by='TransformersBackbone')
        if not hasattr(config, 'stage_names'):
            raise ValueError(
                f'TransformersBackbone: expected a network of AutoBackbone, got '
                f'{config.model_type!r}; list them with `avis models --kind backbone`'
            )
        first = int(config.stage_names[0] == 'stem')  # PVT v2 has none
        stages = len(config.stage_names) - first
        if out_indices is None:
            count = min(stages, len(STRIDES))
            out_indices = [first - 1 - (-stages * (i + 1) // count) for i in range(count)]
        config = open_config(model, by='TransformersBackbone', out_indices=list(out_indices))
        network = build_network(
            'MODEL_FOR_BACKBONE_MAPPING', model, config, by='TransformersBackbone'
        )
        side = getattr(config, 'image_size', None) or _PROBE_SIDE
        patch = getattr(config, 'patch_size', None)
        super().__init__(
            network=network,
            channels=network.channels,
            patch=patch if isinstance(patch, int) else 1,
            out_channels=out_channels,
            frozen_stages=frozen_stages,
            probe_side=side if isinstance(side, int) else side[0],
        )

    def compute_maps(self, images: Tensor) -> Sequence[Tensor]:
        """See :meth:`PyramidBackbone.compute_maps`."""
        maps: Sequence[Tensor] = self.network(images).feature_maps
        return maps
