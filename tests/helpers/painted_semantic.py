"""A semantic model of the painted boxes of tests/helpers/painted.py: class k + 1 is color k."""

import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.structures import PixelData

from avis.datasets.avsbench import AVSBenchMS3
from avis.datasets.transforms.audio import LoadAudio
from avis.datasets.transforms.loading import LoadFrames, LoadLabelMaps
from avis.datasets.transforms.packing import PackAVInputs
from avis.models.data_preprocessors.av_data_preprocessor import AVDataPreprocessor
from tests.helpers.painted import COLORS

RATE = 1600


class PaintedSegmentor(BaseModel):
    """Labels the pixels of each color; remembers the shapes and the audio of its batches."""

    def __init__(self, *more_steps: dict) -> None:
        super().__init__(data_preprocessor=AVDataPreprocessor())
        self.shapes: list[tuple[int, ...]] = []
        self.audio: list[torch.Tensor] = []
        pipeline = [
            {'type': LoadFrames},
            {'type': LoadAudio, 'sample_rate': RATE, 'max_padding': None},
            {'type': LoadLabelMaps, 'encoding': 'binary'},
            *more_steps,
            {'type': PackAVInputs},
        ]
        dataset = {'type': AVSBenchMS3, 'pipeline': pipeline}
        self.cfg = Config({'test_dataloader': {'dataset': dataset}})

    def forward(self, inputs, data_samples=None, mode='tensor'):
        frames = inputs['frames']
        self.shapes.append(tuple(frames.shape[:2]))
        self.audio.extend(inputs['audio'])
        pixels = frames * self.data_preprocessor.std + self.data_preprocessor.mean
        colors = torch.from_numpy(COLORS).float()[:, :, None, None]
        distance = (pixels[:, :, None] - colors).abs().amax(3)  # (B, T, K, H, W)
        nearest, color = distance.min(2)
        labels = torch.where(nearest < 90, color + 1, 0).to(torch.uint8)
        for sample, label in zip(data_samples, labels, strict=True):
            height, width = sample.img_shape
            sample.pred_sem_seg = PixelData(sem_seg=label[:, :height, :width])
        return data_samples
