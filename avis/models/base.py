"""Base of the trainable models: the modes in which mmengine runs them."""

from abc import ABCMeta, abstractmethod
from typing import Any

from mmengine.model import BaseModel
from torch import Tensor

from avis.structures.av_data_sample import AVDataSample

Inputs = dict[str, Tensor]  # but ``expressions``, which is a list of sentences


class BaseAVModel(BaseModel, metaclass=ABCMeta):
    """A model whose three modes are methods of their own."""

    def forward(
        self, inputs: Inputs, data_samples: list[AVDataSample] | None = None, mode: str = 'tensor'
    ) -> dict[str, Any] | list[AVDataSample]:
        """Run the model on one preprocessed batch.

        Args:
            inputs: Tensors as the class describes them.
            data_samples: B samples; needed in the modes ``loss`` and ``predict``.
            mode: ``tensor`` returns the raw outputs of :meth:`compute_outputs`, ``loss`` the losses
                by name, ``predict`` the data samples with predictions.

        Returns:
            Raw outputs, losses or data samples.

        Raises:
            ValueError: Unknown mode, or no data samples where the mode needs them.
        """
        if mode == 'tensor':
            return self.compute_outputs(inputs)
        if mode not in ('loss', 'predict') or data_samples is None:
            raise ValueError(
                f"mode is {mode!r}, expected 'tensor', or 'loss' or 'predict' with data_samples"
            )
        return (self.loss if mode == 'loss' else self.predict)(inputs, data_samples)

    @abstractmethod
    def compute_outputs(self, inputs: Inputs) -> dict[str, Any]:
        """Return the raw outputs."""

    @abstractmethod
    def loss(self, inputs: Inputs, data_samples: list[AVDataSample]) -> dict[str, Any]:
        """Return the losses by name."""

    @abstractmethod
    def predict(self, inputs: Inputs, data_samples: list[AVDataSample]) -> list[AVDataSample]:
        """Return the data samples with predictions."""
