"""Check which entries a checkpoint has, and select those of its backbone."""

from collections.abc import Collection, Mapping

from torch import Tensor


def check_prefixes(
    names: Collection[str],
    known: tuple[str, ...],
    source: str,
    *,
    needed: tuple[str, ...] | None = None,
) -> None:
    """Check that all entries of a checkpoint are of known parts of a model.

    Args:
        names: Names of the entries.
        known: Prefixes of the parts.
        source: Expected kind of model, for the error message.
        needed: Prefixes of which at least one entry has one; default ``known``.

    Raises:
        ValueError: An entry has none of the prefixes, or no entry has a needed one.
    """
    needed = known if needed is None else needed
    unknown = [name for name in names if not name.startswith(known)]
    count = sum(name.startswith(needed) for name in names)
    if unknown or not count:
        raise ValueError(
            f'not a {source}: {len(unknown)} unknown entries ({"; ".join(unknown[:3])}), {count} '
            f'that begin with {", ".join(needed)}'
        )


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
    others = (classifier,) if isinstance(classifier, str) else classifier
    check_prefixes(state_dict, (*parts, *others), source, needed=parts)
    return kept, dropped
