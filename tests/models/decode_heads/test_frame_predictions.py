"""Masks are computed on demand, from projected embeddings."""

import pytest
import torch

from avis.models.decode_heads.frame_predictions import (
    FramePredictions,
    LayerPrediction,
    MaskProjection,
)

CLIPS, FRAMES, QUERIES, CHANNELS = 2, 5, 3, 4


@pytest.fixture
def predictions() -> FramePredictions:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    return FramePredictions(
        class_logits=draw(CLIPS, FRAMES, QUERIES, 7),
        mask_embeds=draw(CLIPS, FRAMES, QUERIES, CHANNELS),
        queries=draw(3, CLIPS, FRAMES, QUERIES, CHANNELS),
        pixel_features=draw(CLIPS, FRAMES, CHANNELS, 6, 8),
        projection=MaskProjection(draw(CHANNELS, CHANNELS), draw(CHANNELS)),
        layers=[
            LayerPrediction(draw(CLIPS, FRAMES, QUERIES, 7), draw(CLIPS, FRAMES, QUERIES, CHANNELS))
        ],
        extras={'counts': draw(CLIPS, FRAMES, 2)},
    )


def test_mask_logits_equal_dense_products_with_mask_features(predictions) -> None:
    weight, bias = predictions.projection
    features = torch.nn.functional.conv2d(
        predictions.pixel_features.flatten(0, 1), weight[..., None, None], bias
    ).unflatten(0, (CLIPS, FRAMES))
    torch.testing.assert_close(predictions.mask_features, features)
    dense = torch.einsum('btqc,btchw->btqhw', predictions.mask_embeds, features)
    torch.testing.assert_close(predictions.mask_logits(), dense)
    some = predictions.mask_logits(frames=slice(1, 3), queries=torch.tensor([2, 0]))
    torch.testing.assert_close(some, dense[:, 1:3, [2, 0]])
    other = predictions.mask_logits(mask_embeds=predictions.layers[0].mask_embeds)
    expected = torch.einsum('btqc,btchw->btqhw', predictions.layers[0].mask_embeds, features)
    torch.testing.assert_close(other, expected)


def test_concatenated_chunks_equal_whole(predictions) -> None:
    parts = [predictions.select(slice(0, 2)), predictions.select(slice(2, None))]
    joined = FramePredictions.cat(parts)
    for name in ('class_logits', 'mask_embeds', 'queries', 'pixel_features'):
        assert torch.equal(getattr(joined, name), getattr(predictions, name)), name
    for ours, theirs in zip(joined.layers[0], predictions.layers[0], strict=True):
        assert torch.equal(ours, theirs)
    assert torch.equal(joined.extras['counts'], predictions.extras['counts'])
    assert FramePredictions.cat([predictions]) is predictions
