"""A small COMBO: losses, padding, audio of the queries, fusion and the converter."""

import pytest
import torch
import torch.nn.functional as F
from combo import convert_combo
from combo.fusion import BilateralFusion, audio_of_queries, neighbor_dissimilarity
from mmengine.dataset import pseudo_collate

from avis.apis.model_complexity import make_inputs
from avis.engine.model_parts import count_flops
from avis.models.layers.sine_encoding import sine_encoding
from projects.combo.tests.tiny_combo import LENGTH, SIZE, build, clip


@pytest.fixture(scope='module')
def model():
    return build(mixed_audio=False)


def prepared(model, *clips, training=False):
    return model.data_preprocessor(pseudo_collate(list(clips)), training)


def test_losses_train_every_parameter():
    model = build().train()
    losses = model(**prepared(model, clip(), clip(seed=1), training=True), mode='loss')
    assert len(losses) == 4 * 3 + 3
    assert sum('loss_cosine' in name for name in losses) == 3
    sum(losses.values()).backward()
    assert all(weight.grad is not None for weight in model.parameters())


def test_class_loss_is_the_mean_over_the_batch(model):
    """One clip of six frames has the class loss of two clips of three frames."""
    long = clip(length=2 * LENGTH)
    parts = [clip(), clip()]
    for index, part in enumerate(parts):
        frames = slice(index * LENGTH, (index + 1) * LENGTH)
        part['inputs'] = {name: value[frames] for name, value in long['inputs'].items()}
    long['data_samples'].labeled_frames = torch.arange(2 * LENGTH) == 0
    parts[1]['data_samples'].labeled_frames[:] = False
    parts[0]['data_samples'].labeled_frames = torch.arange(LENGTH) == 0

    def loss(*clips):
        torch.manual_seed(0)
        model.frame_head.training = True
        losses = model(**prepared(model, *clips, training=True), mode='loss')
        model.frame_head.training = False
        return losses['loss_ce']

    torch.testing.assert_close(loss(*parts), loss(long))


def test_operations_of_both_backbones_are_counted(model):
    flops = count_flops(model, make_inputs(model, SIZE, LENGTH))
    assert flops['prior_backbone'] == flops['backbone'] > 0


def test_padding_frames_do_not_enter_and_predict_nothing(model):
    clips = [clip(length=1), clip(seed=1)]
    with torch.no_grad():
        together = model(prepared(model, *clips)['inputs'])
        alone = model(prepared(model, clips[0])['inputs'])
    assert not together['class_logits'][0, 1:].any()
    for name, value in alone.items():
        torch.testing.assert_close(together[name][0, :1], value[0], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize('changed', ['audio', 'prior_images'])
def test_prediction_depends_on_audio_and_prior_image_of_its_frame(model, changed):
    data = prepared(model, clip())['inputs']
    other = {**data, changed: data[changed].clone()}
    other[changed][:, 1] = data[changed][:, 1].flip(-1)
    with torch.no_grad():
        same = [
            torch.allclose(x, y, atol=1e-4)
            for x, y in zip(
                model(data)['class_logits'][0], model(other)['class_logits'][0], strict=True
            )
        ]
    assert same == [True, False, True]


def test_published_model_mixes_the_audio_of_frames():
    audio = torch.arange(4.0)[:, None]
    mixed = audio_of_queries(audio, 6, mixed=True)[..., 0]
    # Copies of the audio, one per query, read in the order of queries and then frames.
    assert torch.equal(mixed, audio.repeat(1, 6).reshape(6, 4).T)
    assert torch.equal(audio_of_queries(audio, 6, mixed=False)[:, 0], audio)
    single = audio_of_queries(audio[:1], 6, mixed=True)
    assert torch.equal(single, audio[:1, None].expand(1, 6, 1))


def test_prediction_has_labels_and_probability_without_padding(model):
    (sample,) = model.test_step(pseudo_collate([clip()]))
    assert sample.pred_sem_seg.sem_seg.shape == (LENGTH, *SIZE)
    assert torch.equal(sample.pred_sem_seg.sem_seg.bool(), sample.pred_sem_seg.prob > 0.5)


def test_missing_prior_images_are_an_error(model):
    inputs = prepared(model, clip())['inputs']
    del inputs['prior_images']
    with pytest.raises(ValueError, match='put LoadPriorImages into the pipeline'):
        model(inputs)


def test_fusion_equals_attention_with_projected_maps():
    torch.manual_seed(0)
    fusion = BilateralFusion(16, 6, num_heads=4).eval()
    for parameter in fusion.parameters():
        torch.nn.init.normal_(parameter)
    x, audio = torch.randn(2, 16, 3, 5), torch.randn(2, 6)

    def heads(tokens):
        return tokens.unflatten(-1, (4, 4)).transpose(1, 2)

    tokens = fusion.norm(x.flatten(2).transpose(1, 2) + fusion.level_embed.weight)
    token = fusion.audio_norm(audio)[:, None]
    query = heads(fusion.query_proj(tokens + sine_encoding((3, 5), 16)))
    key = heads(fusion.key_proj(token + fusion.audio_position.weight))
    weights = (query @ key.mT / 2).softmax(2)  # (N, heads, P, 1), over the positions
    added = (weights @ heads(fusion.audio_value_proj(token))).transpose(1, 2).flatten(2)
    read = (weights.mT @ heads(fusion.value_proj(tokens))).transpose(1, 2).flatten(2)
    expected = tokens + fusion.scale * fusion.out_proj(added)
    fused, fused_audio = fusion(x, audio)
    torch.testing.assert_close(fused.flatten(2).mT, expected, rtol=1e-4, atol=1e-4)
    expected = token + fusion.audio_scale * fusion.audio_out_proj(read)
    torch.testing.assert_close(fused_audio, expected[:, 0], rtol=1e-4, atol=1e-4)


def test_dissimilarity_of_neighbors_is_that_of_their_masks():
    torch.manual_seed(0)
    embeds, features = torch.randn(3, 5, 8), torch.randn(3, 8, 4, 6)
    features[1] = 2 * features[0]
    embeds[1] = embeds[0]
    same = neighbor_dissimilarity(embeds, features, torch.tensor([[0], [1]]))
    torch.testing.assert_close(same, torch.tensor(0.0), atol=1e-5, rtol=0)
    masks = torch.einsum('nqc,nchw->nqhw', embeds, features).flatten(1)
    distance = 1 - F.cosine_similarity(masks[:-1], masks[1:])
    value = neighbor_dissimilarity(embeds, features, torch.tensor([[0, 1], [1, 2]]))
    torch.testing.assert_close(value, (distance * (-distance).exp()).mean())


def test_converter_refuses_other_files():
    for name in ('sem_seg_head.predictor.other', 'backbone.stem.conv1.weight', 'other.weight'):
        with pytest.raises(ValueError, match=r'not an? '):
            convert_combo({name: torch.zeros(1), 'pre_sam_backbone.other': torch.zeros(1)})
