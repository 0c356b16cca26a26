"""Public torch weights of VGGish for :class:`~avis.models.audio_encoders.vggish.VGGish`.

The source is harritaylor/torchvggish: the released file ``vggish-10086976.pth`` (the network
alone), or the state dict of the model that torch.hub builds (with the PCA of the post-process).
"""

from collections.abc import Mapping

from torch import Tensor

# Prefix there -> prefix here.
VGGISH_KEYS = {
    'features.': 'network.features.',
    'embeddings.': 'network.embeddings.',
    'pproc.pca_': 'network.pca_',
}


def convert(state_dict: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Rename the entries; names that are ours already stay.

    Args:
        state_dict: Entries ``features.N.*``, ``embeddings.N.*`` and maybe ``pproc.*``.

    Returns:
        The state dict of a trainable ``VGGish``, and an empty list: nothing is left out.

    Raises:
        ValueError: A name that VGGish does not have.
    """
    converted = {_rename(name): value for name, value in state_dict.items()}
    unknown = [name for name in converted if not name.startswith(tuple(VGGISH_KEYS.values()))]
    if unknown:
        raise ValueError(
            f'not a VGGish: {len(unknown)} of {len(converted)} entries are unknown '
            f'({"; ".join(unknown[:3])}), expected names that start with {", ".join(VGGISH_KEYS)}'
        )
    return converted, []


def _rename(name: str) -> str:
    for prefix, target in VGGISH_KEYS.items():
        if name.startswith(prefix):
            return target + name.removeprefix(prefix)
    return name
