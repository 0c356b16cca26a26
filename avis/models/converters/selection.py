"""Choose the entries of a published checkpoint that a model of ours has a place for."""

from collections.abc import Mapping

from torch import Tensor


def select(
    state_dict: Mapping[str, Tensor],
    parts: tuple[str, ...],
    classifier: str | tuple[str, ...],
    source: str,
) -> tuple[dict[str, Tensor], list[str]]:
    """Keep what belongs to a backbone.

    Args:
        state_dict: The published weights.
        parts: How the names of the backbone begin.
        classifier: How the names of the classifier begin, which is left out.
        source: What the file should be, for the error.

    Returns:
        The entries of the backbone, and the names left out.

    Raises:
        ValueError: A name that is neither, or no entry of the backbone at all.
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
