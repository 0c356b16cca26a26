"""Checkpoints of torchvggish for :class:`~avis.models.audio_encoders.vggish.VGGish`.

The source is harritaylor/torchvggish: its file ``vggish-10086976.pth`` (the network alone), or the
state dict of the model that torch.hub builds (with the PCA of the postprocessor).
"""

from collections.abc import Mapping

from torch import Tensor

from avis.models.converters.selection import check_prefixes
from avis.registry import CONVERTERS

# Prefix in torchvggish -> prefix in avis.
VGGISH_PREFIXES = {
    'features.': 'network.features.',
    'embeddings.': 'network.embeddings.',
    'pproc.pca_': 'network.pca_',
}


@CONVERTERS.register_module(name='vggish')
def convert_vggish(state_dict: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Rename the entries of torchvggish; entries in the naming of avis stay.

    Args:
        state_dict: Entries ``features.N.*``, ``embeddings.N.*`` and optionally ``pproc.*``.

    Returns:
        The state dict of a trainable ``VGGish``, and an empty list: nothing is dropped.

    Raises:
        ValueError: An entry that VGGish does not have.
    """
    converted = {_rename(name): value for name, value in state_dict.items()}
    check_prefixes(converted, tuple(VGGISH_PREFIXES.values()), 'VGGish')
    return converted, []


def _rename(name: str) -> str:
    for prefix, target in VGGISH_PREFIXES.items():
        if name.startswith(prefix):
            return target + name.removeprefix(prefix)
    return name
