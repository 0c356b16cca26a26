"""Values recorded from the reference implementations, and the weights they were recorded with.

A golden folder contains ``keys.json`` (names, shapes and dtypes of the reference checkpoint) and
one or more ``*.npz`` files with the recorded tensors; larger tensors are stored as a strided sample
and statistics of the full tensor. The reference weights are not stored: every entry is drawn from
its own name and shape by :func:`fill_array`, so a test fills a checkpoint in the *reference*
naming, converts it, and compares the outputs of the avis model by :func:`compare`.
"""

import json
import math
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

DATA = Path(__file__).parents[1] / 'data' / 'golden'

# Entries drawn with unit variance: with a smaller one all decoder queries collapse to one.
_LEARNED_TABLES = (
    'query_feat',
    'query_embed',
    'fq_pos',
    'level_embed',
    'learnable_query',
    'query_generator.query.weight',
    'cls_token',
)
# Last layers of residual branches, drawn smaller for the same reason.
_LAST_OF_BRANCH = ('out_proj.weight', 'output_proj.weight', 'linear2.weight')


@dataclass(frozen=True)
class Golden:
    """One golden folder in memory.

    Attributes:
        arrays: Recorded arrays by name, of all ``*.npz`` files of the folder.
        meta: How each case was made: seeds, sizes, the order in which inputs are drawn.
        info: The whole ``keys.json``; ``info['keys']`` lists ``[name, shape, dtype]``.
        folder: The folder.
        variants: Other files of names beside it, ``keys_*.json``, by name without extension. Their
            entries are those of ``info`` in the same order.
    """

    arrays: Mapping[str, np.ndarray]
    meta: dict[str, Any]
    info: dict[str, Any]
    folder: Path | None = None
    variants: Mapping[str, Any] = field(default_factory=dict)

    def state_dict(self) -> dict[str, Tensor]:
        """The filled checkpoint in the reference naming."""
        return reference_state_dict(self.info['keys'], self.meta.get('gain_overrides'))


def load_golden(folder: str | Path, keys: Path | None = None) -> Golden:
    """Read a golden folder; a relative path counts from ``tests/data/golden``.

    ``keys`` is the file with the names of the reference checkpoint, ``keys.json`` by default.
    """
    folder = DATA / folder
    arrays: dict[str, np.ndarray] = {}
    for file in sorted(folder.glob('*.npz')):
        with np.load(file) as data:
            arrays.update(data)
    if not arrays:
        raise FileNotFoundError(f'No golden *.npz below {folder}')
    meta = json.loads(arrays.pop('meta').item())
    keys = keys or folder / 'keys.json'
    variants = {
        file.stem: json.loads(file.read_text())
        for file in keys.parent.glob('keys_*.json')
        if file != keys
    }
    info = json.loads(keys.read_text()) if keys.is_file() else {}
    return Golden(arrays, meta, info, folder, variants)


def compare(
    golden: Golden,
    name: str,
    value: Tensor | np.ndarray,
    *,
    rtol: float = 1e-4,
    atol: float = 1e-4,
) -> None:
    """Assert that a tensor equals the recorded one called ``name``.

    Three things must agree: the full shape; every recorded sample within ``atol`` relative to the
    larger of 1 and the standard deviation of the tensor (the noise of float32 in the reference is
    1e-6 to 7e-5 of that); the sum of absolute values of the whole tensor within ``rtol``.
    """
    got = value.detach().cpu().numpy() if isinstance(value, Tensor) else value
    recorded, stats = golden.arrays[name], golden.arrays[f'{name}/stats']
    assert got.shape == tuple(golden.arrays[f'{name}/shape']), f'{name}: shape {got.shape}'
    step = golden.arrays.get(f'{name}/step', np.ones(got.ndim, int))
    sample = got[tuple(slice(None, None, int(stride)) for stride in step)]
    difference = np.abs(sample - recorded).max() / max(1.0, stats[1])
    assert difference < atol, f'{name}: expected a difference below {atol:g}, got {difference:.3g}'
    total = np.abs(got.astype(np.float64)).sum()
    assert abs(total - stats[2]) <= rtol * stats[2], (
        f'{name}: expected a sum of |x| of {stats[2]}, got {total}'
    )


def generator(seed: int) -> np.random.Generator:
    """Return the random generator of the inputs of a golden case."""
    return np.random.Generator(np.random.PCG64(seed))


def draw_blocks(meta: Mapping[str, Any]) -> dict[str, Tensor]:
    """Draw the frames of a case without audio: blocks of one color each, uint8 (T, 3, H, W).

    The size of a block is stated in ``meta['input']``.
    """
    size = int(re.search(r'repeated (\d+) x', meta['input'])[1])
    height, width = meta['height'], meta['width']
    shape = (meta['T'], 3, -(-height // size), -(-width // size))
    blocks = generator(meta['seed']).integers(0, 256, shape).astype(np.uint8)
    frames = blocks.repeat(size, 2).repeat(size, 3)[:, :, :height, :width]
    return {'frames': torch.from_numpy(np.ascontiguousarray(frames))}


def fill_array(name: str, shape: Sequence[int]) -> np.ndarray:
    """Draw one float32 entry of a reference checkpoint from its name and shape."""
    rng, shape = generator(zlib.crc32(name.encode())), tuple(shape)
    if name.endswith('running_var'):
        values = rng.uniform(0.5, 1.5, shape)
    elif name.endswith('running_mean'):
        values = rng.normal(0, 0.1, shape)
    elif len(shape) == 1 and name.endswith('weight'):
        values = rng.uniform(0.8, 1.2, shape)
    elif any(table in name for table in _LEARNED_TABLES):
        values = rng.normal(0, 1, shape)
    elif len(shape) <= 1:
        values = rng.normal(0, 0.05, shape)
    else:
        gain = 0.3 if name.endswith(_LAST_OF_BRANCH) else 1.0
        values = rng.normal(0, gain / math.sqrt(math.prod(shape[1:])), shape)
    return np.asarray(values, dtype=np.float32)


def reference_state_dict(
    keys: Sequence[tuple[str, Sequence[int], str]],
    gain_overrides: Mapping[str, float] | None = None,
) -> dict[str, Tensor]:
    """Fill a reference checkpoint.

    Args:
        keys: ``[name, shape, dtype]`` per entry, as in ``keys.json``.
        gain_overrides: Factors on single entries.

    Returns:
        The float32 entries. Counters, index tables and loss weights (``*empty_weight``) keep the
        value they are constructed with and are not included.
    """
    gains = gain_overrides or {}
    return {
        name: torch.from_numpy(fill_array(name, shape) * np.float32(gains.get(name, 1.0)))
        for name, shape, dtype in keys
        if dtype == 'float32' and not name.endswith('empty_weight')
    }
