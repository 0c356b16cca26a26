"""The six official AVSBench models, loaded by converter and init_model, equal the recordings."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmcv.cnn.bricks.drop import DropPath
from mmengine.structures import PixelData
from torch import Tensor, nn

from avis.apis import convert_checkpoint, init_model
from avis.models.converters.avsbench import convert_avsbench
from avis.structures.av_data_sample import AVDataSample
from tests.helpers.golden import Golden, compare, generator, load_golden

CONFIGS = Path(__file__).resolve().parents[3] / 'configs' / 'avs' / 'tpavi'
MODELS = {
    'avsbench_s4_r50': 'tpavi_r50_s4',
    'avsbench_ms3_r50': 'tpavi_r50_ms3_avm',
    'avsbench_avss_r50': 'tpavi_r50_avss',
    'avsbench_s4_pvt': 'tpavi_pvtv2b5_s4',
    'avsbench_ms3_pvt': 'tpavi_pvtv2b5_ms3_avm',
    'avsbench_avss_pvt': 'tpavi_pvtv2b5_avss',
}
# Entries of the second ResNet branch, and of the unit above the coarsest level.
DEAD = {'r50': 174 + 4, 'pvt': 4}
RESNET_STAGES = ('layer1', 'layer2', 'layer3_1', 'layer4_1')

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Published:
    """A golden, and the model loaded from its weights."""

    name: str
    golden: Golden
    model: nn.Module
    dropped: list[str]

    @property
    def task(self) -> str:
        return self.name.split('_')[1]

    @property
    def frames(self) -> int:
        return 10 if self.task == 'avss' else 5

    def inputs(self, case: str) -> dict[str, Tensor]:
        """Draw the inputs of a case, with audio embeddings (B, T, 128)."""
        meta = self.golden.meta[case]
        rng, count = generator(meta['seed']), meta['frames']
        frames = rng.normal(0, 1, (count, 3, meta['height'], meta['width']))
        audio = rng.uniform(0, 1, (count, 128))
        inputs = {'frames': self.clips(frames).float(), 'audio': self.clips(audio).float()}
        flag = self.golden.arrays.get(f'{case}/flag')
        return inputs if flag is None else {**inputs, 'valid_frames': self.clips(flag).bool()}

    def clips(self, rows: np.ndarray) -> Tensor:
        """(B*T, ...) to (B, T, ...)."""
        return torch.from_numpy(rows).unflatten(0, (-1, self.frames))

    def gt(self) -> list[AVDataSample]:
        """Draw the targets of the recorded training step."""
        meta = self.golden.meta['train']
        rng = generator(meta['target_seed'])
        count, size = meta['frames'], (meta['height'], meta['width'])
        clips = count // self.frames
        labeled = torch.ones(clips, self.frames, dtype=torch.bool)
        if self.task == 's4':  # only the first frame of a clip is drawn
            target = torch.zeros(clips, self.frames, *size, dtype=torch.long)
            target[:, 0] = torch.from_numpy(rng.random((clips, *size)) < 0.3)
            labeled[:, 1:] = False
        elif self.task == 'ms3':
            target = self.clips(rng.random((count, *size)) < 0.3).long()
        else:
            target = self.clips(rng.integers(0, 71, (count, *size)))
            labeled = self.clips(self.golden.arrays['train/gt_flag']).bool()
        return [
            AVDataSample(gt_sem_seg=PixelData(sem_seg=mask), labeled_frames=known)
            for mask, known in zip(target, labeled, strict=True)
        ]

    def sources(self) -> dict[str, list[str]]:
        """The recorded entries of each parameter: the converter applied to numbered entries."""
        names = [name for name, _, _ in self.golden.info['keys']]
        numbered = {
            name: torch.full([1] * min(len(shape), 2), float(index))
            for index, (name, shape, _) in enumerate(self.golden.info['keys'])
        }
        converted, _ = convert_avsbench(numbered)
        return {ours: [names[int(i)] for i in tag.flatten()] for ours, tag in converted.items()}


@pytest.fixture(scope='module', params=MODELS)
def published(request) -> Published:
    golden = load_golden(f'models/{request.param}')
    checkpoint = golden.state_dict()
    for name, shape, dtype in golden.info['keys']:
        if dtype == 'int64':  # the counters of the batch norms
            checkpoint[name] = torch.zeros(shape, dtype=torch.int64)
    with tempfile.TemporaryDirectory() as folder:  # half a gigabyte: deleted after the test
        src, dst = Path(folder) / 'published.pth', Path(folder) / 'converted.pth'
        torch.save(checkpoint, src)
        dropped = convert_checkpoint('avsbench', src, dst)
        model = init_model(CONFIGS / f'{MODELS[request.param]}.py', dst)
    return Published(request.param, golden, model, dropped)


@pytest.fixture
def layers(published) -> Iterator[dict[str, Tensor | list[Tensor]]]:
    """Outputs of single layers, filled while the model runs."""
    outputs: dict[str, Tensor | list[Tensor]] = {}
    modules = {'backbone': published.model.backbone, 'neck': published.model.neck}
    modules |= {f'fusion{i}': block for i, block in enumerate(published.model.fusions)}
    modules |= {f'block{i}': block for i, block in enumerate(published.model.decode_head.blocks)}

    def record(name: str):
        return lambda module, args, output: outputs.__setitem__(name, output)

    hooks = [module.register_forward_hook(record(name)) for name, module in modules.items()]
    yield outputs
    for hook in hooks:
        hook.remove()


def test_converter_drops_unused_branches_only(published) -> None:
    backbone = published.name.rsplit('_', 1)[1]
    assert len(published.dropped) == DEAD[backbone]
    assert all('layer3_2' in n or 'layer4_2' in n or 'path4.' in n for n in published.dropped)


def test_every_recorded_layer_is_equal(published, layers) -> None:
    # In float64: float32 of two processors differs by up to the tolerance in the coarsest maps.
    model = published.model.eval().double()
    with torch.no_grad():
        outputs = model(in_float64(published.inputs('eval')))

    def check(name: str, value: Tensor) -> None:
        compare(published.golden, f'eval/{name}', value)

    stages = RESNET_STAGES if published.name.endswith('r50') else [f'stage{i}' for i in range(1, 5)]
    for level, stage in enumerate(stages):
        number = level + 1
        check(f'backbone.{stage}', layers['backbone'][level])
        check(f'conv{number}', layers['neck'][level])
        mixed, _ = layers[f'fusion{level}']  # (B, T, C, H, W); recorded in groups of 5 frames
        check(f'tpavi_b{number}', mixed.reshape(-1, 5, *mixed.shape[2:]).transpose(1, 2))
        path = F.interpolate(
            layers[f'block{level}'], scale_factor=2, mode='bilinear', align_corners=True
        )
        check(f'path{number}', path)
        check(f'feature_map_{number}', outputs['feature_maps'][level].flatten(0, 1))
        check(f'audio_feature_{number}', outputs['audio_features'][level].reshape(-1, 5, 256))
    check('pred', outputs['logits'].flatten(0, 1))
    if published.task == 'avss':  # only AVSS has padding frames
        inputs = in_float64(published.inputs('eval_pad'))
        with torch.no_grad():
            logits = model(inputs)['logits']
        compare(published.golden, 'eval_pad/pred', logits.flatten(0, 1))
        assert not logits[~inputs['valid_frames']].any()
    model.float()


def in_float64(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """The inputs of a model in double precision."""
    return {
        name: value.double() if value.is_floating_point() else value
        for name, value in inputs.items()
    }


@pytest.fixture
def trained(published) -> Iterator[nn.Module]:
    """The model in training mode; its weights and statistics are restored after the step."""
    model = published.model.float().train()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    yield model
    model.load_state_dict(state)
    model.zero_grad()
    model.eval()


def test_loss_and_gradients_of_training_step_are_equal(published, trained) -> None:
    model, arrays = trained, published.golden.arrays
    for layer in model.modules():
        if isinstance(layer, DropPath):
            layer.drop_prob = 0.0
    losses = model(published.inputs('train'), published.gt(), mode='loss')
    total, segmentation, matching = arrays['train/loss']
    assert losses['loss_seg'].item() == pytest.approx(segmentation, rel=1e-4)
    if published.task != 's4':
        assert losses['loss_avm'].item() == pytest.approx(0.5 * matching, rel=1e-4)
    sum(losses.values()).backward()
    assert sum(losses.values()).item() == pytest.approx(total, rel=1e-4)

    sources = published.sources()
    _check_gradients(model, sources, arrays)
    ours = {names[0]: name for name, names in sources.items()}
    state = model.state_dict()
    for name, stats in zip(arrays['train/bn_names'], arrays['train/bn_after_stats'], strict=True):
        values = state[ours[name]].double()
        assert [values.mean().item(), values.std().item()] == pytest.approx(
            stats.tolist(), rel=1e-4, abs=1e-5
        )


def _check_gradients(model: nn.Module, sources: dict[str, list[str]], arrays: dict) -> None:
    """Compare the gradient norm of each parameter; merged parameters have merged norms."""
    norms = dict(zip(arrays['train/grad_names'], arrays['train/grad_norm'], strict=True))
    difference = {}
    for name, weight in model.named_parameters():
        recorded = float(np.linalg.norm([norms[source] for source in sources[name]]))
        # A bias before a batch norm has no effect; what is recorded and computed is noise.
        floor = 1e-4 if name.endswith('out_proj.bias') and name.startswith('fusions') else 1e-6
        difference[name] = abs(weight.grad.double().norm().item() - recorded) / max(recorded, floor)
    worst = max(difference, key=difference.__getitem__)
    # The recorded norms themselves are within 6e-3 of a float64 run, half of them within 2e-4.
    assert difference[worst] < 1e-2, f'{worst}: {difference[worst]}'
    assert np.median(list(difference.values())) < 5e-4
