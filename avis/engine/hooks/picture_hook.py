"""Pictures of the predictions of a test, for ``--show-dir``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
from mmengine.hooks import Hook
from mmengine.runner import Runner

from avis.registry import HOOKS
from avis.visualization.clip_grid import clip_grid, overlay_masks


@HOOKS.register_module()
class PictureHook(Hook):
    """Write one PNG per tested clip: its frames, the truth and the prediction below each other.

    Args:
        show_dir: Folder of the pictures.
    """

    def __init__(self, *, show_dir: str) -> None:
        self.show_dir = Path(show_dir)

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[Any] | None = None,
    ) -> None:
        """Draw every clip of the batch; the processes of a test draw different clips."""
        palette = (runner.test_dataloader.dataset.metainfo or {}).get('palette')
        for frames, sample in zip(data_batch['inputs']['frames'], outputs or (), strict=True):
            self._draw(frames.permute(0, 2, 3, 1).cpu().numpy(), sample, palette)

    def _draw(self, frames: Any, sample: Any, palette: Any) -> None:
        rows = {'input': frames}
        for title, field in (('truth', 'gt_sem_seg'), ('prediction', 'pred_sem_seg')):
            if field in sample:
                labels = sample.get(field).sem_seg.cpu().numpy()
                labels = labels[:, : frames.shape[1], : frames.shape[2]]  # cut the padding
                rows[title] = overlay_masks(frames, labels, palette=palette)
        path = self.show_dir / f'{file_name(sample)}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        if not cv2.imwrite(str(path), clip_grid(rows)[..., ::-1]):
            raise OSError(f'{path} could not be written')


def file_name(sample: Mapping[str, Any]) -> str:
    """Name of a clip as a file name: its id, without separators of folders."""
    name = sample.get('video_name', sample.get('video_id', 'clip'))
    return str(name).replace('/', '_').replace('\\', '_')
