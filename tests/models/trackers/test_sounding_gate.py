import pytest
import torch
from mmengine.structures import InstanceData

from avis.models.trackers.sounding_gate import SoundingGate
from avis.structures.av_data_sample import AVDataSample
from tests.helpers.tracker_scenes import predictions


def sample_of(present, valid=None):
    """Return a sample whose instances have a mask where ``present`` (N, T) is 1."""
    masks = torch.tensor(present, dtype=torch.bool)[..., None, None].expand(-1, -1, 4, 4)
    sample = AVDataSample(gt_tracks=InstanceData(masks=masks))
    if valid is not None:
        sample.valid_frames = torch.tensor(valid)
    return sample


def pairs(*frames):
    """Matched pairs of frames: each is a list of (query, instance)."""
    return [
        [
            (torch.tensor([q for q, _ in f], dtype=int), torch.tensor([i for _, i in f], dtype=int))
            for f in frames
        ]
    ]


def test_class_source_thresholds_best_class_probability():
    probs = torch.tensor([[[0.7, 0.1, 0.2], [0.3, 0.3, 0.4]], [[0.05, 0.5, 0.45], [0, 0.1, 0.9]]])
    gate = SoundingGate(source='class', threshold=0.5)
    found = gate(probs.log(), torch.zeros(2, 2, 4), torch.zeros(2, 6))
    assert found.tolist() == [[True, False], [True, False]]
    assert not list(gate.parameters())
    assert gate.loss(None, None, [], []) == {}


def test_similarity_source_compares_track_with_audio_of_each_frame():
    torch.manual_seed(0)
    gate = SoundingGate(source='similarity', query_dim=4, audio_dim=6, embed_dim=8)
    embeds, audio = torch.randn(3, 5, 4), torch.randn(5, 6)
    found = gate(torch.zeros(3, 5, 2), embeds, audio)
    logits = (gate.visual_proj(embeds) * gate.audio_proj(audio)).sum(-1) / 8**0.5 + gate.bias
    assert torch.equal(found, logits.sigmoid() >= 0.5)
    assert 0 < found.sum() < found.numel()


def test_loss_pairs_every_matched_query_with_every_frame():
    torch.manual_seed(0)
    gate = SoundingGate(source='similarity', query_dim=8, audio_dim=6, loss_weight=2.0)
    frames = predictions([{0: (8, 8), 1: (40, 8)}] * 3)
    audio = torch.randn(1, 3, 6)
    sample = sample_of([[1, 0, 1], [0, 1, 1]], valid=[True, True, False])
    matching = pairs([(3, 0)], [], [(1, 1)])
    found = gate.loss(frames, audio, [sample], matching)['loss_gate']
    terms = []
    for t, query, present in ((0, 3, [1, 0]), (2, 1, [0, 1])):
        for other in range(2):  # the third frame is padding
            dot = gate.visual_proj(frames.queries[0, 0, t, query]) @ gate.audio_proj(
                audio[0, other]
            )
            prob = (dot / 128**0.5 + gate.bias).sigmoid()
            terms.append(-(prob if present[other] else 1 - prob).log())
    torch.testing.assert_close(found, 2 * torch.stack(terms).mean())


def test_without_matches_every_parameter_has_gradient():
    gate = SoundingGate(source='similarity', query_dim=8, audio_dim=6)
    frames = predictions([{}] * 2)
    losses = gate.loss(frames, torch.zeros(1, 2, 6), [sample_of([[0, 0]])], pairs([], []))
    losses['loss_gate'].backward()
    assert losses['loss_gate'] == 0
    assert all(p.grad is not None and not p.grad.any() for p in gate.parameters())


def test_training_separates_sounding_frames():
    torch.manual_seed(0)
    gate = SoundingGate(source='similarity', query_dim=8, audio_dim=2, embed_dim=16)
    # Instance 0 sounds with the first kind of audio, instance 1 with the second, none in silence.
    frames = predictions([{0: (8, 8), 1: (40, 8)}] * 3, shuffle=False)
    audio = torch.tensor([[[1.0, 0], [0, 1.0], [0, 0]]])
    sample = sample_of([[1, 0, 0], [0, 1, 0]])
    matching = pairs(*[[(0, 0), (1, 1)]] * 3)
    optimizer = torch.optim.Adam(gate.parameters(), lr=0.02)
    for _ in range(150):
        optimizer.zero_grad()
        gate.loss(frames, audio, [sample], matching)['loss_gate'].backward()
        optimizer.step()
    queries = frames.queries[0, 0, :, :2].transpose(0, 1)  # (2, 3, 8)
    found = gate(torch.zeros(2, 3, 4), queries, audio[0])
    assert found.tolist() == [[True, False, False], [False, True, False]]


def test_unknown_source_raises():
    with pytest.raises(ValueError, match=r"source to be one of .*'similarity'.*got 'sound'"):
        SoundingGate(source='sound')
