"""The official AVISM models, loaded by converter and init_model, equal the recordings."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from torch import Tensor, nn

from avis.models.converters.avism import convert_avism
from avis.structures.av_data_sample import AVDataSample
from tests.helpers.golden import DATA, Golden, compare, load_golden
from tests.helpers.published_avism import SamePoints, draw_inputs, load_model, official_names

MODELS = {'avism_r50': 'avism_r50_in_aviseg', 'avism_swinl': 'avism_swinl_in_aviseg'}

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Published:
    """A golden, and the model loaded from its weights."""

    golden: Golden
    model: nn.Module
    dropped: list[str]

    @property
    def cases(self) -> list[str]:
        """Recorded values of evaluation."""
        return [case for case in ('eval', 'eval_long') if case in self.golden.meta]

    def batch(self, case: str) -> dict:
        """A batch of a data loader for a case, with audio embeddings (T, 128)."""
        meta = self.golden.meta[case]
        size = (meta['height'], meta['width'])
        drawn = draw_inputs(meta['seed'], meta['T'], size)
        out = (meta.get('out_height', size[0]), meta.get('out_width', size[1]))
        sample = AVDataSample(metainfo={'img_shape': size, 'ori_shape': out})
        inputs = {name: [value] for name, value in drawn.items()}
        return {'inputs': inputs, 'data_samples': [sample]}

    def inputs(self, case: str) -> dict[str, Tensor]:
        return self.model.data_preprocessor(self.batch(case))['inputs']


@pytest.fixture(scope='module', params=list(MODELS))
def published(request) -> Published:
    golden = load_golden(f'models/{request.param}')
    return Published(golden, *load_model(golden, MODELS[request.param]))


r50 = pytest.mark.parametrize('published', ['avism_r50'], indirect=True)


def test_every_recorded_layer_is_equal(published) -> None:
    for case in published.cases:
        check_layers(published, case)


def check_layers(published: Published, case: str) -> None:
    model, seen = published.model, {}
    parts = {
        'backbone': model.backbone,
        'pixels': model.frame_head.pixel_decoder,
        'frames': model.frame_head,
        'clip': model.tracker.head,
        'encoded': model.tracker.head.encoder[-1],
        'fused': model.tracker.head.fusion[-1],
    }
    hooks = [
        part.register_forward_hook(lambda *call, name=name: seen.__setitem__(name, call[-1]))
        for name, part in parts.items()
    ]
    with torch.no_grad():
        outputs = model(published.inputs(case))
        frame_embeds, clip_embeds = model.tracker.head.similarity_embeds(seen['clip'])
    for hook in hooks:
        hook.remove()

    def check(name: str, value: Tensor) -> None:
        compare(published.golden, f'{case}/{name}', value, rtol=2e-5, atol=3e-5)

    frames, clip = seen['frames'], seen['clip']
    if case == 'eval':
        for level in range(4):
            check(f'backbone.res{level + 2}', seen['backbone'][level])
        for level in range(3):
            check(f'pixel.multi_scale_{level}', seen['pixels'].levels[level])
        check('pixel.clip_mask_features', seen['pixels'].pixel_features)
        check('pixel.mask_features', frames.mask_features[0])
        check('frame.pred_masks', outputs['frame_mask_logits'][0])
    check('frame.pred_logits', outputs['frame_class_logits'][0])
    check('frame.queries', frames.queries[0, 0])
    check('clip.mask_features', clip.projection.project_features(frames.pixel_features)[0])
    check('clip.pred_logits', clip.layers[-1].class_logits)
    check('clip.pred_mask_embed', clip.layers[-1].mask_embeds)
    check('clip.pred_fq_embed', frame_embeds)
    check('clip.pred_cq_embed', clip_embeds)
    slots = frame_embeds.shape[3]
    check_frames(published.golden, f'{case}/clip.frame_encoder', seen['encoded'][0])
    fused = seen['fused'][0, :, None].expand(-1, slots, -1)
    check_frames(published.golden, f'{case}/clip.av_fusion', fused)


def check_frames(golden: Golden, name: str, tokens: Tensor) -> None:
    """Compare tokens (T, P, C) with the recording, which includes padded windows."""
    frames, slots, _, channels = golden.arrays[f'{name}/step']
    ours = tokens[::frames, ::slots, ::channels].numpy()
    recorded = golden.arrays[name][: len(ours), :, 0]
    assert np.abs(ours - recorded).max() < 3e-5


def test_tracks_equal_recorded_results(published) -> None:
    for case in published.cases:
        check_results(published, case)


def check_results(published: Published, case: str) -> None:
    arrays = published.golden.arrays
    (sample,) = published.model.test_step(published.batch(case))
    tracks = sample.pred_tracks
    np.testing.assert_allclose(tracks.scores, arrays[f'{case}/final/scores'], rtol=0, atol=1e-5)
    assert tracks.labels.tolist() == arrays[f'{case}/final/labels'].tolist()
    shape = arrays[f'{case}/final/masks_shape']
    packed = arrays[f'{case}/final/masks_packed']
    recorded = np.unpackbits(packed, count=shape.prod()).reshape(shape).astype(bool)
    for track, masks in zip(tracks.masks, recorded, strict=True):
        assert (track.to_dense() != masks).sum() <= 1e-5 * masks.size


def test_all_candidates_equal_recorded_scores(published) -> None:
    """The official candidates before the threshold: 100 pairs of query and class."""
    for case in published.cases:
        check_candidates(published, case)


def check_candidates(published: Published, case: str) -> None:
    arrays, tracker = published.golden.arrays, published.model.tracker
    threshold, tracker.score_threshold = tracker.score_threshold, -1.0
    (sample,) = published.model.test_step(published.batch(case))
    tracker.score_threshold = threshold
    tracks, scores = sample.pred_tracks, arrays[f'{case}/top/scores']
    areas = np.stack([track.areas for track in tracks.masks])  # (100, T)
    flipped = np.abs(areas - arrays[f'{case}/top/mask_area'])
    # A score is a mean over the pixels of the mask. The processor decides whether a pixel at the
    # threshold is one of them, so the recording fixes the scores of masks of equal area only.
    same = flipped.sum(1) == 0
    assert same.sum() > 80
    np.testing.assert_allclose(tracks.scores[same], scores[same], rtol=0, atol=1e-5)
    np.testing.assert_allclose(tracks.scores, scores, rtol=0, atol=1e-4)
    gaps = np.abs(np.diff(scores)) > 1e-5
    apart = np.append(True, gaps) & np.append(gaps, True)  # the order of the others may change
    assert apart.sum() > 80
    np.testing.assert_array_equal(tracks.labels.numpy()[apart], arrays[f'{case}/top/labels'][apart])
    assert flipped[apart].max() <= 2


@r50
def test_losses_and_gradients_of_training_step_are_equal(published) -> None:
    """40 losses, all matchings of the clips, and the norm of every gradient."""
    model, arrays = published.model.train(), published.golden.arrays
    for loss in (model.frame_head.loss_set, model.tracker.loss_set):
        loss.points = SamePoints(published.golden.meta['train'])
    matchings = []
    hook = model.tracker.loss_set.register_forward_hook(lambda *call: matchings.append(call[-1][1]))
    losses = model(published.inputs('train'), [gt(arrays)], mode='loss')
    hook.remove()
    names = arrays['train/fixed/loss_names'].tolist()
    assert sorted(losses) == sorted(names)
    for name, value in zip(names, arrays['train/fixed/loss_values'], strict=True):
        assert losses[name].item() == pytest.approx(value, rel=1e-5), name

    (layers,) = matchings
    recorded = json.loads(arrays['train/fixed/matching'].item())
    clips = [pairs for level, pairs in recorded if level == 'clip']
    for ours, theirs in zip([layers[-1], *layers[:-1]], clips, strict=True):
        assert [[q.tolist(), i.tolist()] for q, i in ours] == theirs

    total = sum(losses.values())
    total.backward()
    assert total.item() == pytest.approx(arrays['train/fixed/total'].item(), rel=1e-6)
    check_gradients(published)
    model.zero_grad()
    model.eval()


def gt(arrays) -> AVDataSample:
    """One clip with three instances, one of which disappears."""
    shape = arrays['train/target/masks_shape']  # (T, N, H, W)
    masks = np.unpackbits(arrays['train/target/masks_packed'], count=shape.prod()).reshape(shape)
    tracks = InstanceData(
        labels=torch.from_numpy(arrays['train/target/clip_labels']),
        ids=torch.from_numpy(arrays['train/target/ids'][0]),
        masks=torch.from_numpy(masks).bool().transpose(0, 1),
    )
    return AVDataSample(gt_tracks=tracks)


def check_gradients(published: Published) -> None:
    """Compare the norm of the gradient of each parameter."""
    arrays = published.golden.arrays
    norms = dict(
        zip(arrays['train/fixed/grad_names'], arrays['train/fixed/grad_norm'], strict=True)
    )
    sources = official_names(published.golden)
    difference = {
        name: abs(weight.grad.double().norm().item() - norms[sources[name]]) / norms[sources[name]]
        for name, weight in published.model.named_parameters()
        if weight.requires_grad
    }
    assert len(difference) == len(norms) == 588
    worst = max(difference, key=difference.__getitem__)
    assert difference[worst] < 1e-3, f'{worst}: {difference[worst]}'
    assert np.median(list(difference.values())) < 1e-5


@r50
def test_converter_drops_constants_only(published) -> None:
    assert published.dropped == ['criterion.empty_weight', 'avism_criterion.empty_weight']


def test_both_namings_convert_equally() -> None:
    folder = DATA / 'models' / 'avism_r50'
    ours = []
    for file in ('keys.json', 'keys_coco_variant.json'):
        keys = json.loads((folder / file).read_text())['keys']
        converted, dropped = convert_avism({name: torch.zeros(1) for name, _, _ in keys})
        assert len(dropped) == 2
        ours.append(sorted(converted))
    assert ours[0] == ours[1]
    assert len(ours[0]) == 853


def test_checkpoint_of_another_model_raises() -> None:
    with pytest.raises(ValueError, match='1 unknown entries'):
        convert_avism({'avism_module.av_proj.bias': torch.zeros(1), 'resnet.conv1': torch.zeros(1)})
    with pytest.raises(ValueError, match=r"unknown entry 'av_gate\.bias'"):
        convert_avism({'vita_module.av_gate.bias': torch.zeros(1)})
    with pytest.raises(ValueError, match='0 of the clip module'):
        convert_avism({})
