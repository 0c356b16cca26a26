"""QueryAVSegmentor with small parts: targets, labels of padded frames, and errors."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from mmengine.dataset import pseudo_collate
from mmengine.structures import PixelData

from avis.models.audio_encoders.precomputed import PrecomputedAudio
from avis.models.backbones.frozen_resnet import FrozenResNet
from avis.models.data_preprocessors.av_data_preprocessor import AVDataPreprocessor
from avis.models.segmentors.query_av_segmentor import QueryAVSegmentor
from avis.structures.av_data_sample import AVDataSample
from tests.helpers.tiny_avism import D, K, clip, frame_head

SIZE = (48, 80)  # padded to (64, 96)


@pytest.fixture(scope='module')
def model() -> QueryAVSegmentor:
    torch.manual_seed(0)
    return QueryAVSegmentor(
        data_preprocessor={'type': AVDataPreprocessor},
        backbone={'type': FrozenResNet, 'depth': 18},
        audio_encoder={'type': PrecomputedAudio, 'channels': D},
        frame_head=frame_head(with_audio=True),
    ).eval()


def labeled_clip(label: int, length: int = 2) -> dict[str, Any]:
    item = clip(length, SIZE)
    labels = torch.zeros(length, *SIZE, dtype=torch.uint8)
    labels[:, 8:40, 8:40] = label
    item['data_samples'] = AVDataSample(metainfo={'img_shape': SIZE, 'video_name': 'a'})
    item['data_samples'].gt_sem_seg = PixelData(sem_seg=labels)
    item['data_samples'].set_metainfo({'seed': (3,)})
    return item


def targets_of(model: QueryAVSegmentor, *items: dict[str, Any]) -> list[list[int]]:
    """The classes of each frame that the loss gets."""
    seen = []
    hook = model.frame_head.loss_set.register_forward_pre_hook(lambda _, call: seen.extend(call[2]))
    data = model.data_preprocessor(pseudo_collate(list(items)), True)
    losses = model.train()(**data, mode='loss')
    model.eval()
    hook.remove()
    assert all(value.isfinite() for value in losses.values())
    return [target.labels.tolist() for target in seen]


def test_classes_of_a_frame_are_its_instances_and_255_is_ignored(model) -> None:
    assert targets_of(model, labeled_clip(2)) == [[0, 2], [0, 2]]
    assert targets_of(model, labeled_clip(255)) == [[0], [0]]


def test_padding_frames_and_frames_without_label_do_not_count(model) -> None:
    item = labeled_clip(1, length=3)
    item['data_samples'].labeled_frames = torch.tensor([True, False, True])
    assert targets_of(model, labeled_clip(2), item) == [[0, 2], [0, 2], [0, 1], [0, 1]]


def test_label_above_the_number_of_classes_is_an_error(model) -> None:
    with pytest.raises(ValueError, match=rf'frame_head.num_classes={K}, got {K}'):
        targets_of(model, labeled_clip(K))


def test_prediction_is_without_padding_and_sums_over_queries(model) -> None:
    (sample,) = model.test_step(pseudo_collate([labeled_clip(1)]))
    assert sample.pred_sem_seg.sem_seg.shape == (2, *SIZE)
    assert 'prob' not in sample.pred_sem_seg
    data = model.data_preprocessor(pseudo_collate([labeled_clip(1)]))
    with torch.no_grad():
        predictions = model.predict_frames(data['inputs'])
        scores = model.class_scores(predictions, (0, 1), SIZE)
        outputs = model(data['inputs'])
    assert torch.equal(sample.pred_sem_seg.sem_seg[1], scores.argmax(0).to(torch.uint8))
    masks = F.interpolate(outputs['mask_logits'][0, 1:], (64, 96), mode='bilinear')
    classes = outputs['class_logits'][0, 1].softmax(-1)
    expected = sum(classes[query, 0] * masks[0, query].sigmoid() for query in range(len(classes)))
    torch.testing.assert_close(scores[0], expected[: SIZE[0], : SIZE[1]], rtol=1e-4, atol=1e-5)
