"""All modes and an optimizer step of a model on a device: results, waits, and where tensors are."""

import copy
import json
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.optim import build_optim_wrapper
from torch import Tensor

from avis.apis import load_config
from tests.helpers.named_tensors import named_tensors
from tests.helpers.narrow_models import build_narrow, narrow
from tests.helpers.random_clips import make_batch

CLIPS, FRAMES, SIZE, FACE = 2, 3, (64, 96), 32
SEED = 2


@dataclass
class DeviceRun:
    """What a model did on a device.

    Attributes:
        results: Raw outputs, predictions, losses and gradients by name, on the CPU.
        waits: Of a predicted batch and of a training step, by the line that waits.
        misplaced: Names of tensors that are not on the device.
    """

    results: dict[str, Tensor] = field(default_factory=dict)
    waits: dict[str, Counter[str]] = field(default_factory=dict)
    misplaced: list[str] = field(default_factory=list)


class Case:
    """The narrow model of a config, and a batch for it.

    Attributes:
        model: Config of the model, narrow.
        optimizer: Config of the optimizer wrapper, without mixed precision; None if the config is
            for testing only.
        key: Configs with the same key have the same narrow model.
    """

    def __init__(self, path: Path) -> None:
        config = load_config(path)
        narrow(config.model)
        self.model = config.model
        self.optimizer = _without_mixed_precision(config.get('optim_wrapper'))
        state = [self.model, self.optimizer is None]
        self.key = json.dumps(state, default=str, sort_keys=True)

    def run(
        self,
        device: str = 'cpu',
        waits: Counter[str] | None = None,
        context: Callable[[], AbstractContextManager] = nullcontext,
    ) -> DeviceRun:
        """Predict a batch, then train a step with it.

        Args:
            device: Of the model.
            waits: Counts the waits for the device.
            context: Makes the context in which the model runs forward.
        """
        model = build_narrow(self.model)
        batch = make_batch(model, clips=CLIPS, frames=FRAMES, size=SIZE, face=FACE)
        runner = _Runner(
            model.to(device), batch, device, Counter() if waits is None else waits, context
        )
        runner.predict()
        if self.optimizer is not None:
            runner.train(self.optimizer)
        return runner.run


def _without_mixed_precision(wrapper: dict[str, Any] | None) -> dict[str, Any] | None:
    if wrapper is None:
        return None
    kept = ('optimizer', 'paramwise_cfg', 'constructor', 'clip_grad')
    return {'type': 'OptimWrapper'} | {name: wrapper[name] for name in kept if name in wrapper}


class _Runner:
    """Runs a model in :meth:`predict` and :meth:`train`; arguments as of :meth:`Case.run`."""

    def __init__(
        self,
        model: Any,
        batch: dict[str, Any],
        device: str,
        waits: Counter[str],
        context: Callable[[], AbstractContextManager],
    ) -> None:
        self.model = model
        self.batch = batch
        self.device = device
        self.context = context
        self.run = DeviceRun()
        self._waits = waits

    @torch.no_grad()
    def predict(self) -> None:
        """Run the modes ``tensor`` and ``predict``."""
        self.model.eval()
        data = self._preprocess(training=False)
        torch.manual_seed(SEED)
        with self.context():
            self._add('output', self.model(data['inputs'], mode='tensor'))
        torch.manual_seed(SEED)
        self._waits.clear()
        with self.context():
            samples = self.model(**data, mode='predict')
        self.run.waits['predict'] = self._waits.copy()
        for index, sample in enumerate(samples):
            self._add_prediction(f'prediction.{index}', sample)

    def train(self, optimizer: dict[str, Any]) -> None:
        """Run the mode ``loss``, the backward pass, and a step of the optimizer of a config."""
        self.model.train()
        wrapper = build_optim_wrapper(self.model, copy.deepcopy(optimizer))
        data = self._preprocess(training=True)
        torch.manual_seed(SEED)
        self._waits.clear()
        with self.context():
            losses = self.model(**data, mode='loss')
        total, _ = self.model.parse_losses(losses)
        wrapper.update_params(total)
        self.run.waits['train'] = self._waits.copy()
        self._add('loss', losses)
        weights = dict(self.model.named_parameters())
        self._add('gradient', {name: weight.grad for name, weight in weights.items()})
        self._add('weight', weights)
        self._add('buffer', dict(self.model.named_buffers()))

    def _preprocess(self, *, training: bool) -> dict[str, Any]:
        """The data preprocessor on copies of the samples, which predictions are written into."""
        samples = [sample.clone() for sample in self.batch['data_samples']]
        batch = {**self.batch, 'data_samples': samples}
        data: dict[str, Any] = self.model.data_preprocessor(batch, training)
        return data

    def _add_prediction(self, name: str, sample: Any) -> None:
        if 'pred_tracks' in sample:  # on the CPU, with their RLEs
            tracks = sample.pred_tracks
            masks = torch.as_tensor(np.array([mask.to_dense() for mask in tracks.masks]))
            self._add(name, {'scores': tracks.scores, 'masks': masks}, 'cpu')
            return
        for key in sample.keys():  # noqa: SIM118
            if key.startswith('pred_'):
                value = sample.get(key)
                self._add(name, dict(value.items()) if hasattr(value, 'items') else {key: value})

    def _add(self, kind: str, tensors: Any, device: str | None = None) -> None:
        """Add results, which must be on the device."""
        for name, tensor in named_tensors(tensors, kind):
            if tensor.device.type != (device or self.device):
                self.run.misplaced.append(name)
            self.run.results[name] = tensor.detach().cpu()
