"""A small AAVS: training of parts, prior masks, audio, predictions, and the converters."""

import pytest
import torch
from aavs import convert_aavs, convert_mask2former_ade
from mmdet.models.backbones import SwinTransformer
from mmengine.dataset import pseudo_collate

from avis.apis.model_complexity import make_inputs
from projects.aavs.tests.tiny_aavs import CLASSES, LENGTH, SIZE, build, clip

TRAINED = ['query_embed', 'adapter', 'class_embed', 'audio_proj', 'prior_embed']


def prepared(model, *clips, training=False):
    return model.data_preprocessor(pseudo_collate(list(clips)), training)


@pytest.mark.parametrize('prior', [False, True])
def test_losses_train_the_chosen_parameters_only(prior):
    model = build(prior=prior, trained=TRAINED).train()
    losses = model(**prepared(model, clip(prior=prior), training=True), mode='loss')
    assert len(losses) == 3 * (1 + 3)
    sum(losses.values()).backward()
    for name, weight in model.named_parameters():
        assert (weight.grad is not None) == any(part in name for part in TRAINED), name


def test_unlabeled_frames_have_no_loss():
    model = build().train()
    changed = clip()
    changed['data_samples'].gt_sem_seg.sem_seg[1] = 0

    def loss(item):
        item['data_samples'].set_metainfo({'seed': (1,)})  # the same points
        return sum(model(**prepared(model, item, training=True), mode='loss').values())

    assert torch.equal(loss(clip()), loss(changed))
    changed['data_samples'].labeled_frames[1] = True
    assert not torch.equal(loss(clip()), loss(changed))


def test_silent_clip_has_no_loss_on_request():
    silent = clip()
    silent['data_samples'].gt_sem_seg.sem_seg[:] = 0
    for skipped in (False, True):
        model = build(skip_silent_clips=skipped).train()
        losses = model(**prepared(model, silent, training=True), mode='loss')
        assert all(value == 0 for value in losses.values()) == skipped


@pytest.mark.parametrize('prior', [False, True])
def test_prediction_depends_on_audio_and_prior_but_not_on_the_batch(prior):
    model, clips = build(prior=prior), [clip(prior=prior), clip(prior=prior, seed=1)]
    # Near zero weights of the attention mask would let rounding decide.
    with torch.no_grad():
        together = model(prepared(model, *clips)['inputs'])
        alone = model(prepared(model, clips[1])['inputs'])
        for name, value in alone.items():
            torch.testing.assert_close(together[name][1], value[0], rtol=1e-3, atol=1e-3)
        for changed in ('audio', *(['prior_masks'] if prior else [])):
            inputs = dict(prepared(model, clips[1])['inputs'])
            inputs[changed] = 1 - inputs[changed]
            assert not torch.allclose(model(inputs)['class_logits'], alone['class_logits'])


def test_prediction_has_labels_and_probability_at_the_output_size():
    model = build(output_size=(32, 48), mask_size=SIZE)
    (sample,) = model.test_step(pseudo_collate([clip()]))
    assert sample.pred_sem_seg.sem_seg.shape == (LENGTH, 32, 48)
    predictions = model.predict_frames(prepared(model, clip())['inputs'])
    scores = model.class_scores(predictions, (0, 2), SIZE, (32, 48))
    expected = torch.sigmoid(2 * scores[1] - scores[0])
    torch.testing.assert_close(sample.pred_sem_seg.prob[2], expected)
    assert torch.equal(sample.pred_sem_seg.sem_seg[2].bool(), scores[1] > scores[0])
    assert scores.shape[0] == CLASSES


def test_missing_prior_masks_are_an_error():
    model = build(prior=True)
    with pytest.raises(ValueError, match='put LoadPriorMasks into the pipeline'):
        model(prepared(model, clip())['inputs'])


def test_inputs_made_to_count_operations_have_prior_masks():
    inputs = make_inputs(build(prior=True), SIZE, LENGTH)
    assert inputs['prior_masks'].shape == (1, LENGTH, *SIZE)
    assert inputs['prior_masks'].unique().tolist() == [0, 1]
    assert 'prior_masks' not in make_inputs(build(), SIZE, LENGTH)


def test_model_without_adapters_starts_the_one_with_adapters():
    first = build(backbone=SwinTransformer).state_dict()
    missing, unexpected = build().load_state_dict(first, strict=False)
    assert not unexpected
    assert missing
    assert all('backbone' in name and '.adapter.' in name for name in missing)


def test_converters_refuse_other_files():
    with pytest.raises(ValueError, match='not an official AAVS model'):
        convert_aavs({'model.class_predictor.weight': torch.zeros(1)})
    with pytest.raises(ValueError, match='unknown entry'):
        convert_mask2former_ade({'model.pixel_level_module.encoder.other': torch.zeros(1)})
