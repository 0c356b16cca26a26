"""Models with the weights of a golden: filled, converted, loaded into the model of a config."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from avis.apis import convert_checkpoint, init_model
from avis.models.converters.frame_head import strip_prefix
from tests.helpers.golden import Golden
from tests.parity.comparison import Comparison

ROOT = Path(__file__).resolve().parents[2]
Converter = Callable[[Mapping[str, Tensor]], tuple[dict[str, Tensor], list[str]]]


def filled_checkpoint(golden: Golden) -> dict[str, Tensor]:
    """Return the reference checkpoint, with the entries that keep their constructed value."""
    checkpoint = golden.state_dict()
    for name, shape, dtype in golden.info['keys']:
        if name.endswith('relative_position_index'):
            checkpoint[name] = relative_position_index(round(shape[0] ** 0.5))
        elif name.endswith('empty_weight'):
            checkpoint[name] = torch.ones(shape)
        elif dtype == 'int64':  # the counters of the batch norms
            checkpoint[name] = torch.zeros(shape, dtype=torch.int64)
    return checkpoint


def load_model(
    golden: Golden,
    kind: str,
    config: str | Path,
    *,
    options: dict[str, Any] | None = None,
    constants: Mapping[str, Tensor] | None = None,
) -> tuple[nn.Module, list[str]]:
    """Convert the weights of a golden and load them into the model of a config.

    Args:
        golden: Names, shapes and how weights are drawn.
        kind: Name of the registered converter.
        config: Config file, relative to the root of the repository.
        options: Overrides of the config.
        constants: Entries of the reference checkpoint that are not drawn.

    Returns:
        The model in evaluation mode, and the names of the entries that the converter dropped.
    """
    checkpoint = filled_checkpoint(golden) | dict(constants or {})
    with tempfile.TemporaryDirectory() as folder:  # half a gigabyte
        src, dst = Path(folder) / 'published.pth', Path(folder) / 'converted.pth'
        torch.save({'model': checkpoint}, src)
        del checkpoint
        dropped = convert_checkpoint(kind, src, dst)
        src.unlink()
        return init_model(ROOT / config, dst, cfg_options=options), dropped


def relative_position_index(side: int) -> Tensor:
    """Swin's table: the index of the bias of each pair of positions in a window."""
    places = torch.cartesian_prod(torch.arange(side), torch.arange(side))
    step = places[:, None] - places[None] + side - 1
    return step[..., 0] * (2 * side - 1) + step[..., 1]


def reference_names(golden: Golden, convert: Converter) -> dict[str, list[str]]:
    """Return the entries of the reference checkpoint that each entry of the model consists of."""
    keys = golden.info['keys']
    converted, _ = convert(_tags(keys))
    return {
        ours: [keys[int(index)][0] for index in tag.unique()] for ours, tag in converted.items()
    }


def compare_variants(comparison: Comparison, convert: Converter) -> None:
    """Compare the conversion of the other namings of the same checkpoint, ``keys_*.json``."""
    golden = comparison.golden
    for file, info in golden.variants.items():
        plain, other = (
            {name: tag.flatten()[0].item() for name, tag in convert(_tags(keys))[0].items()}
            for keys in (golden.info['keys'], info['keys'])
        )
        comparison.value(file, len(plain.items() ^ other.items()))


def _tags(keys: Sequence[tuple[str, Sequence[int], str]]) -> dict[str, Tensor]:
    """Return a checkpoint with the index of each entry as its values, in tensors of size 1.

    Converters change the order of the channels that Swin merges: those layers keep their shapes.
    """
    return {
        name: torch.tensor(float(index)).expand(
            shape if '.downsample.' in name else [1] * min(len(shape), 2)
        )
        for index, (name, shape, _) in enumerate(keys)
    }


@contextmanager
def recorded_outputs(parts: Mapping[str, nn.Module]) -> Iterator[dict[str, list[Any]]]:
    """Collect the outputs of modules, one item per call."""
    outputs: dict[str, list[Any]] = {name: [] for name in parts}
    hooks = [
        part.register_forward_hook(lambda *call, name=name: outputs[name].append(call[-1]))
        for name, part in parts.items()
    ]
    try:
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def frozen_vggish(golden: Golden, model: nn.Module, prefix: str = 'vggish.') -> Iterator[None]:
    """Write the weights of a frozen VGGish, which is not part of the checkpoint of its model."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'vggish.pth'
        torch.save(strip_prefix(golden.state_dict(), prefix), path)
        model.audio_encoder.weights = path
        yield
