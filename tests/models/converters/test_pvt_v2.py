"""The official PVTv2 loads into PVTv2 of avis without its classifier."""

import pytest
import torch

from avis.models.backbones.pvt_v2 import PVTv2
from avis.models.converters.pvt_v2 import convert_pvt_v2

WIDTHS, REDUCTIONS, KERNELS = (64, 128, 320, 512), (8, 4, 2, 1), (7, 3, 3, 3)


@pytest.fixture
def published() -> dict[str, torch.Tensor]:
    """Entries of a PVTv2 with one block per stage, with a different value in each."""
    shapes: dict[str, tuple[int, ...]] = {'head.weight': (1000, 512), 'head.bias': (1000,)}
    norms, width_in = {}, 3
    stages = zip(WIDTHS, REDUCTIONS, KERNELS, strict=True)
    for stage, (width, reduction, kernel) in enumerate(stages, start=1):
        block = f'block{stage}.0'
        norms |= {f'patch_embed{stage}.norm': width, f'norm{stage}': width}
        norms |= {f'{block}.norm1': width, f'{block}.norm2': width}
        layers = {
            f'patch_embed{stage}.proj': (width, width_in, kernel, kernel),
            f'{block}.attn.q': (width, width),
            f'{block}.attn.kv': (2 * width, width),
            f'{block}.attn.proj': (width, width),
            f'{block}.mlp.fc1': (4 * width, width),
            f'{block}.mlp.dwconv.dwconv': (4 * width, 1, 3, 3),
            f'{block}.mlp.fc2': (width, 4 * width),
        }
        if reduction > 1:
            layers[f'{block}.attn.sr'] = (width, width, reduction, reduction)
            norms[f'{block}.attn.norm'] = width
        for name, shape in layers.items():
            shapes |= {f'{name}.weight': shape, f'{name}.bias': shape[:1]}
        width_in = width
    for name, width in norms.items():
        shapes |= {f'{name}.weight': (width,), f'{name}.bias': (width,)}
    return {name: torch.full(shape, float(len(name))) for name, shape in shapes.items()}


def test_converted_weights_load_strictly(published) -> None:
    published['block2.0.attn.q.weight'] += 1
    converted, dropped = convert_pvt_v2(published)
    assert dropped == ['head.weight', 'head.bias']
    model = PVTv2(num_layers=(1, 1, 1, 1))
    model.load_state_dict(converted, strict=True)
    joined = model.layers[1][1][0].attn.attn.in_proj_weight  # q, k, v
    torch.testing.assert_close(joined[:128], published['block2.0.attn.q.weight'])
    torch.testing.assert_close(joined[128:], published['block2.0.attn.kv.weight'])


def test_unknown_entries_raise(published) -> None:
    with pytest.raises(
        ValueError, match=r'not a PVTv2.*1 unknown entries \(layer1\.0\.conv1\.weight'
    ):
        convert_pvt_v2({**published, 'layer1.0.conv1.weight': torch.ones(1)})
    with pytest.raises(ValueError, match='0 that begin with patch_embed'):
        convert_pvt_v2({})


def test_incomplete_file_raises(published) -> None:
    del published['block1.0.attn.kv.weight']
    with pytest.raises(ValueError, match=r"not a complete PVTv2: 'block1\.0\.attn\.kv\.weight'"):
        convert_pvt_v2(published)
