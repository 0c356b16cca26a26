"""mmengine's visualizer for clips: ground truth beside prediction, in files or in its backends."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.visualization import Visualizer

from avis.registry import VISUALIZERS
from avis.structures.av_data_sample import AVDataSample
from avis.visualization.clips import MIN_SIDE, DrawnClip, draw_clip
from avis.visualization.drawing import Image, write_rgb_png


@VISUALIZERS.register_module()
class AVVisualizer(Visualizer):
    """Draws data samples of clips, see :func:`~avis.visualization.clips.draw_clip`.

    The backends are those of mmengine: ``LocalVisBackend``, ``TensorboardVisBackend``,
    ``WandbVisBackend`` and ``MLflowVisBackend`` get scalars and images alike.

    Args:
        name: Name of the instance, for mmengine.
        min_side: Least length of the shorter side of a drawn frame.
        kwargs: Further arguments of :class:`mmengine.visualization.Visualizer`: ``vis_backends``,
            ``save_dir``.
    """

    def __init__(
        self, name: str = 'visualizer', *, min_side: int = MIN_SIDE, **kwargs: Any
    ) -> None:
        super().__init__(name, **kwargs)
        self.min_side = min_side

    def draw_datasample(
        self,
        frames: Image,
        data_sample: AVDataSample,
        *,
        draw_gt: bool = True,
        draw_pred: bool = True,
        colors: Mapping[str, Sequence[int]] | None = None,
    ) -> DrawnClip:
        """Draw a clip with the classes and colors of the data set, ``dataset_meta``.

        Args:
            frames: RGB, shape (T, H, W, 3).
            data_sample: Sample of the clip.
            draw_gt: Draw the ground truth if the sample has it.
            draw_pred: Draw the prediction if the sample has it.
            colors: Color numbers of its tracks, see :func:`~avis.visualization.clips.draw_clip`.
        """
        return draw_clip(
            frames,
            data_sample,
            metainfo=self.dataset_meta or {},
            draw_gt=draw_gt,
            draw_pred=draw_pred,
            colors=colors,
            min_side=self.min_side,
        )

    def add_datasample(  # type: ignore[override]
        self,
        name: str,
        image: Image,
        data_sample: AVDataSample,
        *,
        draw_gt: bool = True,
        draw_pred: bool = True,
        out_file: str | Path | None = None,
        step: int = 0,
    ) -> None:
        """Draw a clip as one image, and write it to a file or to all backends.

        Args:
            name: Name of the image in the backends.
            image: Frames, RGB (T, H, W, 3), or a single frame (H, W, 3).
            data_sample: Sample of the clip.
            draw_gt: Draw the ground truth if the sample has it.
            draw_pred: Draw the prediction if the sample has it.
            out_file: PNG to write instead of the backends.
            step: Iteration, for the backends.
        """
        frames = image if image.ndim == 4 else image[None]
        clip = self.draw_datasample(frames, data_sample, draw_gt=draw_gt, draw_pred=draw_pred)
        self.add_clip(name, clip, out_file=out_file, step=step)

    def add_clip(
        self, name: str, clip: DrawnClip, *, out_file: str | Path | None = None, step: int = 0
    ) -> None:
        """Write a drawn clip as one image to a file or to all backends; see `add_datasample`."""
        grid = np.ascontiguousarray(clip.grid())
        if out_file is not None:
            Path(out_file).parent.mkdir(parents=True, exist_ok=True)
            write_rgb_png(out_file, grid)
        else:
            self.add_image(name, grid, step)
