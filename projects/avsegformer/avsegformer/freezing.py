"""Keep the weights of the backbone in the first epochs."""

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from avis.registry import HOOKS


@HOOKS.register_module()
class FreezeBackboneHook(Hook):
    """Train all but the backbone for some epochs, then everything.

    As in the official code, only the gradients are turned off: statistics of batch norms are
    updated from the first iteration on. Training in several processes needs
    ``find_unused_parameters = True`` in the config.

    Args:
        epochs: Number of epochs in which the backbone is frozen.
    """

    def __init__(self, *, epochs: int) -> None:
        self.epochs = epochs

    def before_train_epoch(self, runner: Runner) -> None:
        """Freeze or unfreeze, from the number of the epoch, also after a resumed run."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        model.backbone.requires_grad_(runner.epoch >= self.epochs)
