"""Score the predictions of one task with the metric of another."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.evaluator import BaseMetric
from numpy.typing import NDArray
from scipy.ndimage import label as connected_components

from avis.registry import METRICS
from avis.structures.mask_track import MaskTrack

Conversion = Literal['tracks_to_maps', 'maps_to_tracks', 'classes_to_binary']
_SUFFIX: dict[Conversion, str] = {
    'tracks_to_maps': 'from_tracks',
    'maps_to_tracks': 'from_components',
    'classes_to_binary': 'from_classes',
}


@METRICS.register_module()
class ConvertedMetric(BaseMetric):
    """A metric for predictions of another kind, which are converted first.

    The keys say so: ``avs/miou`` becomes ``avs_from_tracks/miou``.

    Conversions:

    - ``tracks_to_maps``: instances to label maps, for ``AVSMetric`` and ``AVSSMetric``. Where
      instances overlap the one with the highest score counts; its score is the probability of the
      binary task.
    - ``maps_to_tracks``: label maps to instances, for ``AVISegMetric`` and ``AVTrackMetric``: each
      connected component of a class in time and space is an instance, so that two touching objects
      are one, and an object that leaves and returns is two. The score is the mean probability of
      the binary task, else 1.
    - ``classes_to_binary``: label maps of several classes to the binary task: everything but the
      background sounds.

    Args:
        metric: Config of the metric.
        conversion: See above.
        labels: Class in the metric's task of each class of the prediction, -1 to drop it: the index
            is the label of an instance, or the class of a map, where 0 is the background. None
            keeps the order; a map has its background before the first class.
        min_pixels: Smaller components are dropped, in pixels over all frames.
    """

    def __init__(
        self,
        *,
        metric: dict[str, Any],
        conversion: Conversion,
        labels: Sequence[int] | None = None,
        min_pixels: int = 1,
    ) -> None:
        if conversion not in get_args(Conversion):
            raise ValueError(
                f'ConvertedMetric: expected conversion {" or ".join(get_args(Conversion))}, got '
                f'{conversion!r}'
            )
        self.metric = METRICS.build(metric)
        self.metric.prefix = f'{self.metric.prefix}_{_SUFFIX[conversion]}'
        self.conversion, self.labels, self.min_pixels = conversion, labels, min_pixels
        super().__init__(collect_device=self.metric.collect_device, prefix=self.metric.prefix)

    @property
    def dataset_meta(self) -> dict[str, Any] | None:
        """Metainfo of the data set."""
        meta: dict[str, Any] | None = self.metric.dataset_meta
        return meta

    @dataset_meta.setter
    def dataset_meta(self, meta: dict[str, Any]) -> None:
        self.metric.dataset_meta = meta

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Convert each prediction, and give it to the metric."""
        self.metric.process(data_batch, [self._convert(sample) for sample in data_samples])

    def evaluate(self, size: int) -> dict[str, float]:
        """Return the scores of the metric."""
        scores: dict[str, float] = self.metric.evaluate(size)
        return scores

    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        """Return the scores of results of the metric."""
        scores: dict[str, float] = self.metric.compute_metrics(results)
        return scores

    def _convert(self, sample: dict[str, Any]) -> dict[str, Any]:
        field = 'pred_tracks' if self.conversion == 'tracks_to_maps' else 'pred_sem_seg'
        if field not in sample:
            raise ValueError(
                f'{sample.get("video_name")!r}: ConvertedMetric expected {field} for '
                f'{self.conversion}, got {sorted(sample)}; use a model that predicts them, or '
                f'another conversion'
            )
        if self.conversion == 'tracks_to_maps':
            return {**sample, 'pred_sem_seg': maps_of_tracks(sample, self.labels)}
        if self.conversion == 'classes_to_binary':
            sounding = torch.as_tensor(sample['pred_sem_seg']['sem_seg']) > 0
            return {**sample, 'pred_sem_seg': {'prob': sounding.float(), 'sem_seg': sounding}}
        return {**sample, 'pred_tracks': tracks_of_maps(sample, self.labels, self.min_pixels)}


def maps_of_tracks(
    sample: Mapping[str, Any], labels: Sequence[int] | None = None
) -> dict[str, NDArray[Any]]:
    """Return label maps of predicted tracks, at the size of the ground-truth maps.

    Args:
        sample: Data sample with ``pred_tracks`` and ``gt_sem_seg``.
        labels: Class of each label, see :class:`ConvertedMetric`.

    Returns:
        ``sem_seg`` uint8 and ``prob`` float32, (T, H, W).
    """
    tracks = sample['pred_tracks']
    shape = torch.as_tensor(sample['gt_sem_seg']['sem_seg']).shape
    height, width = sample.get('img_shape') or shape[-2:]
    maps = np.zeros((shape[0], height, width), np.uint8)
    prob = np.zeros(maps.shape, np.float32)
    scores = torch.as_tensor(tracks['scores']).tolist()
    classes = torch.as_tensor(tracks['labels']).tolist()
    for index in np.argsort(scores, kind='stable').tolist():  # the highest is written last
        new = classes[index] + 1 if labels is None else labels[classes[index]]
        if new < 0:
            continue
        masks = _resize(tracks['masks'][index].to_dense()[: shape[0]], (height, width))
        maps[: len(masks)][masks] = new
        prob[: len(masks)][masks] = scores[index]
    return {'sem_seg': maps, 'prob': prob}


def tracks_of_maps(
    sample: Mapping[str, Any], labels: Sequence[int] | None = None, min_pixels: int = 1
) -> dict[str, Any]:
    """Return the connected components of predicted maps as tracks, at the size of the file.

    Args:
        sample: Data sample with ``pred_sem_seg`` and ``ori_shape``.
        labels: Label of each class, see :class:`ConvertedMetric`.
        min_pixels: Smaller components are dropped.

    Returns:
        ``labels``, ``scores`` and ``ids`` (N,), and ``masks``, N
        :class:`~avis.structures.mask_track.MaskTrack`.
    """
    predicted = sample['pred_sem_seg']
    maps = np.asarray(torch.as_tensor(predicted['sem_seg']).cpu())  # (T, H, W)
    size = tuple(int(side) for side in sample.get('ori_shape', maps.shape[-2:]))
    found: list[tuple[int, float, MaskTrack]] = []
    for value in np.unique(maps[maps > 0]).tolist():
        new = value - 1 if labels is None else labels[value]
        if new < 0:
            continue
        components, count = connected_components(maps == value, structure=np.ones((3, 3, 3)))
        for index in range(1, count + 1):
            mask = components == index
            if mask.sum() < min_pixels:
                continue
            score = 1.0
            if 'prob' in predicted:
                score = float(torch.as_tensor(predicted['prob'])[torch.from_numpy(mask)].mean())
            found.append((new, score, MaskTrack.from_dense(_resize(mask, size))))
    return {
        'labels': torch.tensor([new for new, _, _ in found], dtype=torch.long),
        'scores': torch.tensor([score for _, score, _ in found]),
        'ids': torch.arange(len(found)),
        'masks': [track for _, _, track in found],
    }


def _resize(masks: NDArray[np.bool_], size: tuple[int, ...]) -> NDArray[np.bool_]:
    """Resize masks (T, H, W) to the nearest pixels."""
    if masks.shape[1:] == size:
        return masks
    resized = F.interpolate(torch.from_numpy(masks)[None].to(torch.uint8), size)[0]
    return resized.bool().numpy()
