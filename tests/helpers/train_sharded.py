"""Train the tiny config in two processes by each strategy; not a test by itself.

Run by :func:`~tests.helpers.warm_python.run_warm`; argument: folder of the runs. ``resumed_*``
continue from the first epoch of the run of the same strategy. AdamW has a group per parameter, and
gradients are clipped.
"""

import sys
from pathlib import Path

from avis.apis.runner import setup_launcher
from tests.helpers.runs import train_tiny

OPTIONS = {
    'train_cfg.max_epochs': 2,
    'optim_wrapper.optimizer.type': 'AdamW',
    'optim_wrapper.optimizer.lr': 0.1,
    'optim_wrapper.clip_grad': {'max_norm': 0.1},
    'optim_wrapper.paramwise_cfg': {'custom_keys': {'bias': {'lr_mult': 2.0}}},
}
STRATEGIES = {
    'ddp': {},
    'fsdp': {'model_wrapper_cfg.type': 'avis.engine.FullyShardedModel'},
    'zero': {
        'optim_wrapper.optimizer.type': 'ZeroRedundancyOptimizer',
        'optim_wrapper.optimizer.optimizer_type': 'AdamW',
    },
}


def main(folder: Path) -> None:
    setup_launcher('pytorch')
    for name, strategy in STRATEGIES.items():
        options = OPTIONS | strategy | {'train_dataloader.batch_size': 2}
        train_tiny(folder / name, options=options, launcher='pytorch')
        if name != 'ddp':
            first = folder / name / 'epoch_1.pth'
            train_tiny(
                folder / f'resumed_{name}', options=options, resume=first, launcher='pytorch'
            )


if __name__ == '__main__':
    main(Path(sys.argv[1]))
