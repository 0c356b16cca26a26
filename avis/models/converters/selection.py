"""Select the entries of a checkpoint that belong to its backbone."""

from collections.abc import Mapping

from torch import Tensor


def select_backbone(
    state_dict: Mapping[str, Tensor],
    parts: tuple[str, ...],
    classifier: str | tuple[str, ...],
    source: str,
) -> tuple[dict[str, Tensor], list[str]]:
    """Split a checkpoint of a classification model into backbone and classifier.

    Args:
        state_dict: The official weights.
        parts: Prefixes of the entries of the backbone.
        classifier: Prefixes of the entries of the classifier, which are dropped.
        source: Expected kind of model, for the error message.

    Returns:
        The entries of the backbone, and the names of dropped entries.

    Raises:
        ValueError: An entry that belongs to neither, or no entry of the backbone at all.
    """
    kept = {name: value for name, value in state_dict.items() if name.startswith(parts)}
    dropped = [name for name in state_dict if name not in kept]
    unknown = [name for name in dropped if not name.startswith(classifier)]
    if unknown or not kept:
        raise ValueError(
            f'not a {source}: {len(kept)} entries fit, {len(unknown)} are unknown '
            f'({"; ".join(unknown[:3])})'
        )
    return kept, dropped
