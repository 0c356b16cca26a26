"""Images and videos of the predictions of a test, for ``--show-dir``."""

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
    Color,
    Image,
    beside,
    class_color,
    enlarge,
    image_grid,
    overlay_masks,
    write_png,
)
from avis.visualization.video_writer import write_clip

MIN_SIDE = 224  # smaller frames are enlarged to it, so that the titles can be read
Rows: TypeAlias = dict[str, list[Image | None]]
ROWS = {'truth': 'gt_sem_seg', 'prediction': 'pred_sem_seg'}


@HOOKS.register_module()
class AVVisualizationHook(Hook):
    """Draw tested clips: ``<video>.png`` and ``<video>.mp4``.

    The image has a column per frame and the rows frame, truth and prediction; frames without a
    label have no truth, padding is left out. The video shows truth and prediction side by side,
    with the sound that the model heard if it heard a waveform.

    Instances get a video only, truth and prediction side by side, each identity in its own color;
    frames and sound are read once more from the files.

    Args:
        show_dir: Folder of the files.
        interval: Draw every n-th clip of the data set.
        max_videos: Draw at most so many clips; None for no limit.
        video: Write videos too, not only images.
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
        """Count the clips of this process from zero."""
        self.seen = 0

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[Any] | None = None,
    ) -> None:
        """Draw the clips of the batch whose turn it is; each process draws its own."""
        dataset = runner.test_dataloader.dataset
        inputs, outputs = data_batch['inputs'], outputs or ()
        samples = data_batch.get('data_samples') or outputs
        if any('window' in one or 'pred_tracks' in one for one in (*samples, *outputs)):
            self._video_tracks(dataset, outputs)
            return
        sounds = inputs.get('audio', [None] * len(outputs))
        for frames, audio, sample in zip(inputs['frames'], sounds, outputs, strict=True):
            # Processes take turns; what is past the end is a padding sample, drawn elsewhere.
            position = self.seen * get_world_size() + get_rank()
            self.seen += 1
            if position < len(dataset) and self._wanted(position):
                self._draw(frames, audio, sample, dataset.metainfo)

    def _video_tracks(self, dataset: Any, outputs: Sequence[Any]) -> None:
        """Write the videos of the videos whose turn it is."""
        for sample in outputs:
            position = self.seen * get_world_size() + get_rank()
            self.seen += 1
            # Loops over windows deal videos out in their own way, and say which one it is.
            position = sample.get('video_index', position)
            if position >= len(dataset) or sample.get('broken', False):
                continue
            if self._wanted(position) and self.video:
                self.show_dir.mkdir(parents=True, exist_ok=True)
                write_track_video(
                    self.show_dir / f'{_file_name(sample)}.mp4',
                    dataset.record(position),
                    sample,
                    classes=dataset.metainfo.get('classes', ()),
                    gt=True,
                )

    def _wanted(self, position: int) -> bool:
        turn, rest = divmod(position, self.interval)
        return rest == 0 and (self.max_videos is None or turn < self.max_videos)

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
        write_png(self.show_dir / f'{name}.png', grid)
        if self.video:
            heard = audio is not None and audio.ndim == 1 and 'sample_rate' in sample
            write_clip(
                self.show_dir / f'{name}.mp4',
                video(large, rows),
                fps=float(sample.get('fps', 1.0)),
                audio=audio.float().cpu().numpy() if heard else None,
                sample_rate=int(sample.sample_rate) if heard else 16000,
            )


def clip_rows(
    frames: Image, sample: Any, palette: Sequence[Color] | None
) -> tuple[Image, Rows, list[int]]:
    """What is drawn of one clip, without padding frames and large enough to look at.

    Args:
        frames: RGB, shape (T, H, W, 3).
        sample: AVDataSample of the clip; its masks may be padded at the right and the bottom.
        palette: RGB of each class.

    Returns:
        The frames; truth and prediction drawn on them, None where the truth is not known; the
        classes that are drawn somewhere.
    """
    keep = _flags(sample, 'valid_frames', len(frames))
    labeled = _flags(sample, 'labeled_frames', len(frames))[keep]
    height, width = frames.shape[1:3]
    large: Image = enlarge(frames[keep], MIN_SIDE)
    rows: Rows = {}
    drawn: set[int] = set()
    for name, field in ROWS.items():
        if field not in sample:
            continue
        labels = sample.get(field).sem_seg.cpu().numpy()[: len(frames), :height, :width][keep]
        tinted = overlay_masks(large, enlarge(labels, MIN_SIDE, labels=True), palette=palette)
        known = np.ones_like(labeled) if name == 'prediction' else labeled
        rows[name] = [image if k else None for image, k in zip(tinted, known, strict=True)]
        drawn |= set(np.unique(labels[known]).tolist()) - {0}
    return large, rows, sorted(drawn)


def video(frames: Image, rows: Rows) -> Image:
    """The rows side by side, shape (T, H, W, 3); the bare frame where one has nothing."""
    images = []
    for index, frame in enumerate(frames):
        shown = {name: row[index] for name, row in rows.items()}
        pair = {
            name if image is not None else f'no {name}': frame if image is None else image
            for name, image in shown.items()
        }
        images.append(beside(pair or {'frame': frame}))
    return np.stack(images)


def frame_titles(sample: Any, count: int) -> list[str]:
    """The time of each of ``count`` frames but padding, or its number if there is no ``fps``."""
    ids = np.asarray(sample.get('frame_ids', range(count)))[:count]
    ids = ids[_flags(sample, 'valid_frames', count)]
    fps = sample.get('fps')
    return [f'frame {k}' for k in ids] if fps is None else [f'{k / fps:.4g} s' for k in ids]


def class_palette(metainfo: Mapping[str, Any]) -> Sequence[Color] | None:
    """The data set's colors; None for a binary task, where a bright one is easier to see."""
    palette = metainfo.get('palette')
    return palette if palette is not None and len(palette) > 2 else None


def _file_name(sample: Any) -> str:
    """File name, without suffix, from the name or id of a clip."""
    return safe_file_name(str(sample.get('video_name', sample.get('video_id', 'clip'))))


def _flags(sample: Any, field: str, count: int) -> NDArray[np.bool_]:
    """A flag per frame, bool (T,); all True if the sample has none."""
    flags = sample.get(field)
    return np.ones(count, bool) if flags is None else flags.cpu().numpy().astype(bool)[:count]
