"""Average and limit the logged losses, and stop a run whose loss is not finite."""

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import torch
from mmengine.dist import all_gather_object, all_reduce, get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner

from avis.registry import HOOKS

MAX_NAMES = 8
MAX_HISTORY = 10_000


@HOOKS.register_module()
class LossHook(Hook):
    """Average the losses over all processes before they are logged; stop at NaN and infinity.

    Of each logged number the last 10,000 values are kept, over which logs can average. mmengine
    keeps a million, copies all of them in each iteration, and writes them into every checkpoint.

    mmengine logs the losses of process 0. The mean equals the loss of one process with the whole
    batch. Every process sees a NaN of any other in that mean, so all stop together.
    """

    # Before RuntimeInfoHook (VERY_HIGH), which logs the losses.
    priority = 'HIGHEST'

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Replace the entries of ``outputs`` by their means over the processes.

        Raises:
            FloatingPointError: A loss of some process is not finite.
        """
        for buffer in runner.message_hub.log_scalars.values():
            buffer.max_length = MAX_HISTORY
        if not outputs:
            return
        keys = list(outputs)
        device = next((v.device for v in outputs.values() if isinstance(v, torch.Tensor)), None)
        values = [torch.as_tensor(outputs[k], dtype=torch.float32, device=device) for k in keys]
        own = torch.stack([value.detach().mean() for value in values])
        mean = own.clone()
        all_reduce(mean, op='mean')
        mean = mean.cpu()  # a GPU is waited for once, not for each loss that mmengine logs
        if not torch.isfinite(mean).all():
            self._stop(runner, dict(zip(keys, own.tolist(), strict=True)), data_batch)
        outputs.update(zip(keys, mean, strict=True))  # type: ignore[attr-defined]

    @staticmethod
    def _stop(runner: Runner, losses: dict[str, float], data_batch: Any) -> NoReturn:
        bad = {key: value for key, value in losses.items() if not _is_finite(value)}
        reports = all_gather_object((get_rank(), bad, clip_names(data_batch)))
        lines = [
            f'{", ".join(f"{key} = {value}" for key, value in found.items())} in process {rank} on '
            f'the clips {", ".join(names)}'
            for rank, found, names in reports
            if found
        ]
        raise FloatingPointError(
            f'The loss is not finite at iteration {runner.iter + 1} (epoch {runner.epoch + 1}): '
            f'{"; ".join(lines)}. No checkpoint contains these weights. Try a lower learning rate, '
            f'optim_wrapper.clip_grad, or training without --amp, and check these clips with '
            f'tools/dataset_tools/check_dataset.py.'
        )


def _is_finite(value: float) -> bool:
    return value - value == 0.0


def clip_names(data_batch: Any) -> list[str]:
    """Names of the clips in a collated batch, from its data samples."""
    samples = data_batch.get('data_samples') if isinstance(data_batch, Mapping) else None
    if not isinstance(samples, Sequence):
        return ['(unknown)']
    names = [
        str(sample.get('video_name', sample.get('video_id', '(unnamed)'))) for sample in samples
    ]
    return [*names[:MAX_NAMES], '...'] if len(names) > MAX_NAMES else names
