"""Draw the predictions of a test as images and videos, for ``--show-dir``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner
from numpy.typing import NDArray

from avis.engine.track_video import write_track_video
from avis.registry import HOOKS
from avis.utils.file_names import safe_file_name
from avis.visualization.drawing import (
    Image,
    RGBColor,
    class_color,
    image_grid,
    overlay_masks,
    side_by_side,
    upscale,
    write_rgb_png,
)
from avis.visualization.video_writer import write_clip

MIN_SIDE = 224  # smaller frames are enlarged, so that the titles are readable
_Rows: TypeAlias = dict[str, list[Image | None]]
_ROW_FIELDS = {'ground truth': 'gt_sem_seg', 'prediction': 'pred_sem_seg'}


@HOOKS.register_module()
class AVVisualizationHook(Hook):
    """Draw tested clips: ``<video>.png`` and ``<video>.mp4``.

    The image has a column per frame and the rows frame, ground truth and prediction; cells of
    unlabeled frames have no ground truth, and padding is left out. The video shows ground truth and
    prediction side by side, with audio if the model has a waveform as input.

    For instances only a video is written, with ground truth and prediction side by side and one
    color per identity; its frames and audio are read from the files again.

    Args:
        show_dir: Folder to write to.
        interval: Draw every n-th clip of the data set.
        max_videos: Maximal number of clips; None for no limit.
        video: Whether to write videos too.
    """

    def __init__(
        self, *, show_dir: str, interval: int = 1, max_videos: int | None = None, video: bool = True
    ) -> None:
        if interval < 1:
            raise ValueError(f'AVVisualizationHook: interval must be at least 1, got {interval}')
        self.show_dir = Path(show_dir)
        self.interval = interval
        self.max_videos = max_videos
        self.video = video
        self.seen = 0

    def before_test_epoch(self, runner: Runner) -> None:
        """Reset the number of clips seen by this process."""
        self.seen = 0

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[Any] | None = None,
    ) -> None:
        """Draw the selected clips of the batch; each process draws its own."""
        dataset = runner.test_dataloader.dataset
        inputs, outputs = data_batch['inputs'], outputs or ()
        samples = data_batch.get('data_samples') or outputs
        if any('window' in one or 'pred_tracks' in one for one in (*samples, *outputs)):
            self._write_track_videos(dataset, outputs)
            return
        waveforms = inputs.get('audio', [None] * len(outputs))
        for frames, audio, sample in zip(inputs['frames'], waveforms, outputs, strict=True):
            # Samples alternate between processes; an index past the end is a padding sample.
            index = self.seen * get_world_size() + get_rank()
            self.seen += 1
            if index < len(dataset) and self._is_selected(index):
                self._draw(frames, audio, sample, dataset.metainfo)

    def _write_track_videos(self, dataset: Any, outputs: Sequence[Any]) -> None:
        """Write the videos of the selected samples."""
        for sample in outputs:
            index = self.seen * get_world_size() + get_rank()
            self.seen += 1
            # Loops over windows distribute videos differently, and store the index in the sample.
            index = sample.get('video_index', index)
            if index >= len(dataset) or sample.get('broken', False):
                continue
            if self._is_selected(index) and self.video:
                self.show_dir.mkdir(parents=True, exist_ok=True)
                write_track_video(
                    self.show_dir / f'{_file_name(sample)}.mp4',
                    dataset.record(index),
                    sample,
                    classes=dataset.metainfo.get('classes', ()),
                    gt=True,
                )

    def _is_selected(self, index: int) -> bool:
        number, rest = divmod(index, self.interval)
        return rest == 0 and (self.max_videos is None or number < self.max_videos)

    def _draw(self, frames: Any, audio: Any, sample: Any, metainfo: Mapping[str, Any]) -> None:
        palette = class_palette(metainfo)
        large, rows, labels = clip_rows(frames.permute(0, 2, 3, 1).cpu().numpy(), sample, palette)
        legend = {}
        if palette is not None:
            classes = metainfo.get('classes', range(len(palette)))
            legend = {str(classes[label]): class_color(label, palette) for label in labels}
        self.show_dir.mkdir(parents=True, exist_ok=True)
        name = _file_name(sample)
        grid = image_grid(
            {'frame': list(large), **rows}, titles=frame_titles(sample, len(frames)), legend=legend
        )
        write_rgb_png(self.show_dir / f'{name}.png', grid)
        if self.video:
            is_waveform = audio is not None and audio.ndim == 1 and 'sample_rate' in sample
            write_clip(
                self.show_dir / f'{name}.mp4',
                side_by_side_frames(large, rows),
                fps=float(sample.get('fps', 1.0)),
                audio=audio.float().cpu().numpy() if is_waveform else None,
                sample_rate=int(sample.sample_rate) if is_waveform else 16000,
            )


def clip_rows(
    frames: Image, sample: Any, palette: Sequence[RGBColor] | None
) -> tuple[Image, _Rows, list[int]]:
    """The images of one clip, without padding frames, enlarged to ``MIN_SIDE``.

    Args:
        frames: RGB, shape (T, H, W, 3).
        sample: AVDataSample of the clip; its masks may be padded at the right and the bottom.
        palette: Color of each class.

    Returns:
        The frames; ground truth and prediction drawn on them, None where there is no ground truth;
        the classes that occur in the drawn label maps.
    """
    keep = _flags(sample, 'valid_frames', len(frames))
    labeled = _flags(sample, 'labeled_frames', len(frames))[keep]
    height, width = frames.shape[1:3]
    large: Image = upscale(frames[keep], MIN_SIDE)
    rows: _Rows = {}
    drawn: set[int] = set()
    for name, field in _ROW_FIELDS.items():
        if field not in sample:
            continue
        labels = sample.get(field).sem_seg.cpu().numpy()[: len(frames), :height, :width][keep]
        tinted = overlay_masks(large, upscale(labels, MIN_SIDE, labels=True), palette=palette)
        known = np.ones_like(labeled) if name == 'prediction' else labeled
        rows[name] = [image if k else None for image, k in zip(tinted, known, strict=True)]
        drawn |= set(np.unique(labels[known]).tolist()) - {0}
    return large, rows, sorted(drawn)


def side_by_side_frames(frames: Image, rows: _Rows) -> Image:
    """The rows side by side, shape (T, H, W, 3); the plain frame where a row has no image."""
    images = []
    for index, frame in enumerate(frames):
        cells = {name: row[index] for name, row in rows.items()}
        images_by_name = {
            name if image is not None else f'no {name}': frame if image is None else image
            for name, image in cells.items()
        }
        images.append(side_by_side(images_by_name or {'frame': frame}))
    return np.stack(images)


def frame_titles(sample: Any, count: int) -> list[str]:
    """Titles of ``count`` frames without padding: the time, or the frame id without ``fps``."""
    ids = np.asarray(sample.get('frame_ids', range(count)))[:count]
    ids = ids[_flags(sample, 'valid_frames', count)]
    fps = sample.get('fps')
    return [f'frame {k}' for k in ids] if fps is None else [f'{k / fps:.4g} s' for k in ids]


def class_palette(metainfo: Mapping[str, Any]) -> Sequence[RGBColor] | None:
    """The palette of the data set; None for binary tasks, which are drawn in a bright color."""
    palette = metainfo.get('palette')
    return palette if palette is not None and len(palette) > 2 else None


def _file_name(sample: Any) -> str:
    """File name, without suffix, from the name or id of a clip."""
    return safe_file_name(str(sample.get('video_name', sample.get('video_id', 'clip'))))


def _flags(sample: Any, field: str, count: int) -> NDArray[np.bool_]:
    """A flag per frame, bool (T,); all True if the sample has none."""
    flags = sample.get(field)
    return np.ones(count, bool) if flags is None else flags.cpu().numpy().astype(bool)[:count]
