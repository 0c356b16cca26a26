"""Every config trains and predicts on a device that is not the CPU, and seldom waits for it.

The device is simulated, see tests/helpers/simulated_device.py. Models are narrow; configs that
have the same narrow model share its run.
"""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from avis.models.audio_encoders.vggish_front_end import VGGishFrontEnd
from avis.models.losses.active_speaker_loss import ActiveSpeakerLoss
from tests.helpers.device_runs import Case, DeviceRun
from tests.helpers.narrow_models import model_configs
from tests.helpers.simulated_device import NAME, simulated_device

CONFIGS = model_configs()
# How often a function waits for the device in a training step and in the prediction of a batch, at
# most. docs/performance.md gives the reasons.
MOST_WAITS = {
    'avis/models/audio_encoders/base.py forward': (1, 2),
    'avis/models/decode_heads/mask2former_frame_head.py loss': (1, 0),
    'avis/models/losses/labeled_losses.py select_labeled': (2, 0),
    'avis/models/losses/mask_set_loss.py _pairs': (2, 0),
    'avis/models/segmentors/query_av_segmentor.py _classes_as_instances': (1, 0),
    'avis/models/segmentors/sem_seg.py stack_sem_seg': (1, 0),
    'avis/models/task_modules/mask_matching.py match_layers': (4, 0),
    'avis/models/task_modules/mask_targets.py _nonzero_rows': (1, 0),
    'avis/models/text_encoders/text_encoder.py forward': (1, 1),
    'avis/models/trackers/clip_query_tracker.py _candidates': (0, 4),
    'avis/models/trackers/clip_query_tracker.py update': (0, 6),
    'avis/models/trackers/detections.py __call__': (0, 14),
    'avis/models/trackers/detections.py encode_masks': (0, 6),
    'projects/aavs/aavs/segmentor.py loss': (1, 0),
    'projects/cavis/cavis/assignment.py assign_queries': (5, 10),
    'projects/cavis/cavis/losses.py identity_losses': (4, 0),
    'projects/cavis/cavis/losses.py prototype_losses': (4, 0),
    'projects/cavis/cavis/matching.py match_first_appearances': (6, 0),
    'projects/cavis/cavis/query_masks.py to_instances': (0, 6),
    'projects/cavis/cavis/targets.py clip_targets': (2, 0),
    'projects/ez_vsl/ez_vsl/prior.py forward': (0, 120),  # moves its network at the first call
    'projects/h2s/h2s/kmeans.py k_means': (42, 84),
    'tests/helpers/device_runs.py train': (1, 0),  # the norm of the gradients, in mmengine
}
_PROBLEMS: dict[str, list[str]] = {}  # by narrow model


def find_problems(path: Path) -> list[str]:
    """Return what differs between the simulated device and the CPU, in words."""
    case = Case(path)
    if case.key not in _PROBLEMS:
        expected = case.run()
        with simulated_device() as waits:
            found = case.run(NAME, waits)
        _PROBLEMS[case.key] = [
            *(f'{name} is on another device' for name in found.misplaced),
            *differences(found.results, expected.results),
            *unexpected_waits(found),
        ]
    return _PROBLEMS[case.key]


def differences(found: dict[str, Tensor], expected: dict[str, Tensor]) -> list[str]:
    """Names of results that differ; weights are not compared.

    AdamW turns rounding errors of tiny gradients into full steps.
    """
    assert found.keys() == expected.keys()
    compared = [name for name in expected if not name.startswith('weight')]
    return [f'{name} differs' for name in compared if not close(found[name], expected[name])]


def close(found: Tensor, expected: Tensor) -> bool:
    """Whether tensors are equal up to rounding, relative to the largest value."""
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return False
    scale = expected.abs().amax().item() if expected.numel() and expected.is_floating_point() else 0
    return torch.allclose(found, expected, rtol=1e-4, atol=1e-5 * scale, equal_nan=True)


def unexpected_waits(run: DeviceRun) -> list[str]:
    """Functions that wait, or wait more often than they may."""
    problems = []
    for index, step in enumerate(('train', 'predict')):
        counts: Counter[str] = Counter()
        for place, count in run.waits.get(step, {}).items():
            counts[' '.join(re.match(r'(.+):\d+ in (\w+|<\w+>):', place).groups())] += count
        problems += [
            f'{place} waits {count} times in {step}'
            for place, count in counts.items()
            if count > MOST_WAITS.get(place, (0, 0))[index]
        ]
    return problems


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_config_predicts_and_trains_a_step_on_a_device(path: Path) -> None:
    assert find_problems(path) == []


@pytest.mark.parametrize('framing', ['clip_repeat', 'clip_zeros', 'per_second'])
def test_front_end_of_vggish_runs_on_a_device(framing: str) -> None:
    # Above, VGGish gets embeddings: its network has 72 million weights.
    front_end = VGGishFrontEnd(framing=framing, sample_rate=16000)
    waveform, lengths = torch.rand(2, 32000) - 0.5, torch.tensor([32000, 20000])
    expected = front_end(waveform, 2, lengths)
    with simulated_device() as waits:
        inputs = [x.to(NAME) for x in (waveform, lengths)]
        front_end.to(NAME)
        waits.clear()
        found = front_end(inputs[0], 2, inputs[1])
        assert waits.total() == (framing == 'clip_repeat')  # an error names clips without audio
        assert found.device.type == NAME
        torch.testing.assert_close(found.cpu(), expected)


@pytest.mark.parametrize('layer', [nn.GRU, nn.LSTM])
def test_recurrent_layers_run_on_a_device(layer: type[nn.RNNBase]) -> None:
    model, inputs = (
        layer(4, 6, num_layers=2, batch_first=True, bidirectional=True),
        torch.rand(2, 5, 4),
    )
    expected, _ = model(inputs)
    expected.square().sum().backward()
    gradients = [weight.grad.clone() for weight in model.parameters()]
    model.zero_grad()
    with simulated_device():
        model.to(NAME)
        found, _ = model(inputs.to(NAME))
        found.square().sum().backward()
        torch.testing.assert_close(found.cpu(), expected)
        for weight, gradient in zip(model.parameters(), gradients, strict=True):
            torch.testing.assert_close(weight.grad.cpu(), gradient)


@pytest.mark.parametrize(
    ('fault', 'problem'),
    [
        (lambda logits: logits.cpu().sum(), 'loss.loss_speaking is on another device'),
        (lambda logits: logits.sum() * logits.sum().item(), 'forward waits 2 times in train'),
        (lambda logits: logits.sum() * len(logits.device.type), 'loss.loss_speaking differs'),
    ],
    ids=['tensor of the CPU', 'wait', 'other value'],
)
def test_faults_are_found(
    fault: Callable[[Tensor], Tensor], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ActiveSpeakerLoss, '_entropy', lambda _self, logits, _target: fault(logits))
    monkeypatch.setattr('tests.test_devices._PROBLEMS', {})
    path = next(path for path in CONFIGS if path.stem == 'lr_asd_ava')
    assert any(line.endswith(problem) for line in find_problems(path))


def test_device_is_not_available_outside_its_context() -> None:
    with simulated_device():
        assert torch.simulated.is_available()
    assert not torch.simulated.is_available()
    assert torch.simulated.device_count() == 0
    values = torch.ones(3, requires_grad=True)
    with torch.random.fork_rng():
        values.square().sum().backward()
    assert values.grad.tolist() == [2.0, 2.0, 2.0]
