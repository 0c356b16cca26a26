"""AVSegFormer: every config trains and predicts, audio, padding, parts, converter, hook, losses."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from avsegformer import AVSegFormer, FreezeBackboneHook, LabeledDiceLoss, convert_avsegformer
from avsegformer.head import QueryMLP
from avsegformer.layers import AudioBlock
from mmengine.dataset import pseudo_collate
from mmengine.structures import PixelData
from torch import nn

from avis.apis import load_config
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample
from tests.helpers.small_configs import without_pretrained

CONFIGS = sorted((Path(__file__).parents[1] / 'configs').glob('*.py'))
FRAMES, SIZE = 5, (64, 64)


def build(path: Path) -> AVSegFormer:
    """The model of a config with fewer and narrower layers; its components stay."""
    model = load_config(path).model
    without_pretrained(model)
    if 'depth' in model.backbone:
        model.backbone.depth, widths = 18, model.decode_head.in_channels
        if 2048 in widths:
            widths = [64, 128, 256, 512]
    else:
        model.backbone.num_layers, widths = (1, 1, 1, 1), [64, 128, 320, 512]
    generator = model.decode_head.query_generator
    generator.update(num_layers=2, hidden_channels=16)
    model.decode_head.update(
        in_channels=widths, channels=32, num_queries=5, num_layers=1, hidden_channels=16
    )
    torch.manual_seed(0)
    return MODELS.build(model)


def clip(model: AVSegFormer, seed: int = 0) -> dict:
    rng = torch.Generator().manual_seed(seed)
    frames = torch.randint(0, 256, (FRAMES, 3, *SIZE), dtype=torch.uint8, generator=rng)
    mask = torch.zeros(FRAMES, *SIZE, dtype=torch.uint8)
    mask[:, 16:48, 16:48] = 1
    sample = AVDataSample(metainfo={'img_shape': SIZE}, gt_sem_seg=PixelData(sem_seg=mask))
    sample.labeled_frames = torch.tensor([True] + [False] * (FRAMES - 1))
    inputs = {
        'frames': frames,
        'audio': torch.rand(FRAMES, model.audio_encoder.out_channels, generator=rng),
    }
    return {'inputs': inputs, 'data_samples': sample}


def logits(model: AVSegFormer, *clips: dict, **more: torch.Tensor) -> torch.Tensor:
    inputs = model.data_preprocessor(pseudo_collate(list(clips)))['inputs']
    with torch.no_grad():
        return model.eval()({**inputs, **more})['logits']


TRAINED = (
    'acvsegformer_pvtv2b5_s4',
    'avsegformer_r50_avss',
    'avsegformer_r50_ms3',
    'avsegformer_small_synthetic',
)


@pytest.mark.parametrize('name', TRAINED)
def test_config_trains_every_parameter_and_predicts(name: str) -> None:
    model = build(CONFIGS[0].with_name(f'{name}.py')).train()
    data = pseudo_collate([clip(model), clip(model, seed=1)])
    losses = model(**model.data_preprocessor(data, training=True), mode='loss')
    assert sorted(losses) == ['loss_mix', 'loss_seg']
    sum(losses.values()).backward()
    for entry, weight in model.named_parameters():
        used = not entry.startswith('audio_encoder.')  # embeddings pass the audio encoder
        assert (weight.grad is not None) == used, entry
    predicted = model.eval().test_step(data)[0].pred_sem_seg
    assert predicted.sem_seg.shape == (FRAMES, *SIZE)
    assert ('prob' in predicted) == ('avss' not in name)


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_config_has_the_protocol_of_its_row(path: Path) -> None:
    cfg = load_config(path)
    generator, head = cfg.model.decode_head.query_generator, cfg.model.decode_head
    assert generator.get('self_attention', True) == (not path.stem.startswith('ac'))
    assert head.num_classes == (71 if 'avss' in path.stem else 1)
    if 'small' in path.stem:
        return
    size = (224, 224) if 'avss' in path.stem else (512, 512)
    assert tuple(cfg.test_dataloader.dataset.pipeline.resize.size) == size
    frozen = [hook.epochs for hook in cfg.get('custom_hooks') or ()]
    assert frozen == {'s4': [5], 'ms3': [10], 'avss': []}[path.stem.split('_')[-1]]


@pytest.fixture(scope='module')
def small() -> AVSegFormer:
    return build(CONFIGS[0].with_name('avsegformer_small_synthetic.py'))


def test_frame_depends_on_its_own_audio_only(small: AVSegFormer) -> None:
    changed = clip(small)
    changed['inputs']['audio'][1] += 3
    difference = (logits(small, changed) - logits(small, clip(small))).abs().amax((0, 2, 3, 4))
    assert difference[1] > 1e-3
    assert difference[[0, 2, 3, 4]].max() < 1e-5


def test_padding_frames_have_no_logits_and_change_no_other_frame(small: AVSegFormer) -> None:
    padded = logits(small, clip(small), valid_frames=torch.arange(FRAMES)[None] < 3)
    assert not padded[:, 3:].any()
    torch.testing.assert_close(padded[:, :3], logits(small, clip(small))[:, :3])


def test_clip_of_one_frame_and_batch_give_the_same_logits(small: AVSegFormer) -> None:
    clips = [clip(small), clip(small, seed=1)]
    together = logits(small, *clips)
    single = clip(small, seed=1)
    for name in ('frames', 'audio'):
        single['inputs'][name] = single['inputs'][name][:1]
    torch.testing.assert_close(together[1:, :1], logits(small, single), rtol=1e-4, atol=1e-5)


def test_attention_to_one_audio_token_is_that_of_pytorch() -> None:
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(16, 4, bias=False, batch_first=True)
    block = AudioBlock(16)
    block.value_proj.weight.data = attention.in_proj_weight[32:]
    block.out_proj.weight.data = attention.out_proj.weight
    queries, audio = torch.randn(3, 5, 16), torch.randn(3, 16)
    attended, _ = attention(queries, audio[:, None], audio[:, None])
    torch.testing.assert_close(block(queries, audio), block.norm(queries + attended))


def test_query_mlp_equals_convolutions_over_the_products() -> None:
    torch.manual_seed(0)
    mlp = QueryMLP(5, 8, 12)
    queries, features = torch.randn(2, 5, 8), torch.randn(2, 8, 3, 4)
    x = torch.einsum('nqc,nchw->nqhw', queries, features)
    for layer in mlp.layers[:-1]:
        x = layer(x).relu()
    torch.testing.assert_close(mlp(queries, features), mlp.layers[-1](x), rtol=1e-4, atol=1e-5)


def test_dice_is_zero_only_for_the_target_and_reads_labeled_frames() -> None:
    loss = LabeledDiceLoss()
    target = torch.zeros(1, 2, 8, 8, dtype=torch.long)
    target[:, 0, 2:6] = 1
    right = (target[:, :, None].float() * 2 - 1) * 20
    first = torch.tensor([[True, False]])
    assert loss(right, target, first) < 1e-4
    assert loss(-right, target, first) > 0.99
    half = right.clone()
    half[:, :, :, 4:] = -20  # half of the object: 2 * 16 / (16 + 32)
    assert loss(half, target, first).item() == pytest.approx(1 / 3, abs=1e-4)
    assert loss(right, target, torch.zeros(1, 2, dtype=torch.bool)) == 0
    with pytest.raises(ValueError, match='one logit per pixel'):
        loss(right.expand(-1, -1, 3, -1, -1), target, first)


def test_converter_reads_both_variants() -> None:
    layer = 'head.query_generator.layers.0'
    shared = {
        f'{layer}.cross_attn.in_proj_weight': torch.arange(6.0)[:, None].expand(6, 2),
        'head.transformer.encoder.layers.1.norm2.bias': torch.ones(2),
        'head.transformer.decoder.layers.1.norm2.bias': torch.ones(2),
        'head.fpn.up1.1.bias': torch.ones(2),
        'vggish.features.0.bias': torch.ones(2),
    }
    names = {'norm1': 'audio_attention.norm', 'norm2': 'ffn.norm'}
    variants = (
        ('image_backbone', {}, names),
        (
            'backbone',
            {f'{layer}.self_attn.in_proj_weight': torch.ones(6, 2)},
            {'norm1': 'self_attention.norm', 'norm2': 'audio_attention.norm', 'norm3': 'ffn.norm'},
        ),
    )
    for prefix, more, norms in variants:
        checkpoint = {
            **shared,
            **more,
            **{f'{layer}.{norm}.bias': torch.ones(2) for norm in norms},
            f'{prefix}.layer3_1.0.bn1.bias': torch.ones(2),
            f'{prefix}.layer3_2.0.bn1.bias': torch.ones(2),
        }
        converted, dropped = convert_avsegformer(checkpoint)
        ours = 'decode_head.query_generator.layers.0'
        expected = {f'{ours}.{norm}.bias' for norm in norms.values()}
        expected |= {f'{ours}.audio_attention.value_proj.weight', 'backbone.layer3.0.bn1.bias'}
        expected |= {
            'decode_head.encoder.1.ffn.norm.bias',
            'decode_head.decoder.1.cross_attention.norm.bias',
        }
        if more:
            expected.add(f'{ours}.self_attention.attn.in_proj_weight')
        assert converted.keys() == expected
        assert converted[f'{ours}.audio_attention.value_proj.weight'][:, 0].tolist() == [4, 5]
        assert [name.split('.')[0] for name in dropped] == ['head', 'vggish', prefix]
    with pytest.raises(ValueError, match=r"unknown entry 'head\.other\.weight'"):
        convert_avsegformer({'head.other.weight': torch.ones(1)})


def test_backbone_is_frozen_in_the_first_epochs(small: AVSegFormer) -> None:
    hook, runner = FreezeBackboneHook(epochs=2), SimpleNamespace(model=small, epoch=0)
    for epoch, trained in ((0, False), (1, False), (2, True)):
        runner.epoch = epoch
        hook.before_train_epoch(runner)
        assert all(weight.requires_grad == trained for weight in small.backbone.parameters())
        assert all(weight.requires_grad for weight in small.decode_head.parameters())


def test_mix_loss_reads_the_mean_of_the_channels(small: AVSegFormer) -> None:
    data = small.eval().data_preprocessor(pseudo_collate([clip(small)]), training=True)
    with torch.no_grad():
        outputs, losses = small(data['inputs']), small(**data, mode='loss')
    means = outputs['mask_features'].mean(2)
    foreground = F.interpolate(means, SIZE, mode='bilinear')[:, :, None]
    target, labeled = torch.zeros(1, FRAMES, *SIZE), torch.zeros(1, FRAMES, dtype=torch.bool)
    target[..., 16:48, 16:48], labeled[:, 0] = 1, True
    expected = 0.1 * LabeledDiceLoss()(foreground, target, labeled)
    torch.testing.assert_close(losses['loss_mix'], expected)
