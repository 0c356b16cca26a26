"""Any network of timm as a backbone."""

from collections.abc import Sequence
from typing import Any, cast

from torch import Tensor

from avis.models.backbones.pyramid import STRIDES, PyramidBackbone
from avis.models.transformers_loading import INSTALL_ENCODERS
from avis.registry import MODELS
from avis.utils.optional import require


@MODELS.register_module()
class TimmBackbone(PyramidBackbone):
    """A network of timm that can return its maps (``features_only``): four maps for avis.

    Args:
        model: Name in timm, such as ``'convnext_tiny.fb_in1k'``.
        pretrained: Load the pretrained weights, from a file if it is a path, else as timm does;
            False starts from random weights.
        out_indices: Maps of the network, as in timm; None for its last four.
        out_channels: Width of the four outputs; None for the widths of their sources.
        frozen_stages: Number of maps of the network, from the finest one, whose parameters are not
            trained, with all before them.
        options: Further arguments of ``timm.create_model``: ``dict(dynamic_img_size=True)`` for
            vision transformers, which otherwise accept one size of images.
    """

    def __init__(
        self,
        *,
        model: str,
        pretrained: bool | str = True,
        out_indices: Sequence[int] | None = None,
        out_channels: Sequence[int] | None = None,
        frozen_stages: int = 0,
        options: dict[str, Any] | None = None,
    ) -> None:
        timm = require('timm', by='TimmBackbone', install=INSTALL_ENCODERS)
        arguments: dict[str, Any] = dict(options or {})
        if out_indices is not None:
            arguments['out_indices'] = tuple(out_indices)
        if isinstance(pretrained, str):
            arguments['pretrained_cfg_overlay'] = {'file': pretrained}
        try:
            network = timm.create_model(
                model, pretrained=bool(pretrained), features_only=True, **arguments
            )
        except Exception as error:  # timm raises errors of many kinds
            raise ValueError(
                f'TimmBackbone: expected a model of timm {timm.__version__} with features_only, '
                f'got {model!r} ({str(error).strip().splitlines()[0]}); list them with `avis '
                f'models --kind backbone`, or set pretrained to a file or to False'
            ) from error
        info = network.feature_info
        first = 0 if out_indices else max(len(info) - len(STRIDES), 0)
        strides = set(info.reduction())
        super().__init__(
            network=network,
            channels=info.channels()[first:],
            patch=strides.pop() if len(strides) == 1 else 1,
            out_channels=out_channels,
            frozen_stages=frozen_stages,
            probe_side=network.pretrained_cfg['input_size'][-1],
        )

    def compute_maps(self, images: Tensor) -> Sequence[Tensor]:
        """See :meth:`PyramidBackbone.compute_maps`."""
        maps = self.network(images)[-self.num_maps :]
        if getattr(self.network, 'output_fmt', 'NCHW') == 'NHWC':
            maps = [x.permute(0, 3, 1, 2) for x in maps]
        return cast(Sequence[Tensor], maps)
