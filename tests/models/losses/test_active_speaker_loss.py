"""Loss of active speaker detection. Exact values: tests/models/test_asd_goldens.py."""

import torch

from avis.models.losses.active_speaker_loss import ActiveSpeakerLoss

LOGITS = torch.tensor([[2.0, -1.0], [0.0, 3.0], [1.0, 0.5]])


def test_inaudible_speech_counts_as_silence() -> None:
    loss = ActiveSpeakerLoss()
    silent = loss(LOGITS, LOGITS, torch.tensor([0, 1, 0]))
    inaudible = loss(LOGITS, LOGITS, torch.tensor([2, 1, 2]))
    assert silent == inaudible
    assert silent['accuracy'] == 1
    expected = torch.nn.functional.cross_entropy(LOGITS, torch.tensor([0, 1, 0]))
    torch.testing.assert_close(silent['loss_speaking'], expected)
    torch.testing.assert_close(silent['loss_visual'], expected / 2)


def test_a_high_temperature_makes_wrong_scores_cheaper() -> None:
    labels = torch.tensor([1, 0, 1])
    values = [
        ActiveSpeakerLoss(temperature=t)(LOGITS, LOGITS, labels)['loss_speaking']
        for t in (0.5, 1.0, 2.0)
    ]
    assert values[0] > values[1] > values[2]
