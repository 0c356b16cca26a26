"""Draw clips in training, validation and test: ground truth beside prediction."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank, get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmengine.structures import InstanceData

from avis.engine.attention_figures import AttentionFigures, choose_frames
from avis.engine.track_video import write_track_video
from avis.registry import HOOKS
from avis.structures.av_data_sample import AVDataSample
from avis.structures.mask_track import MaskTrack
from avis.utils.file_names import safe_file_name
from avis.visualization.av_visualizer import AVVisualizer
from avis.visualization.clips import DrawnClip, flags_per_frame
from avis.visualization.drawing import write_rgb_png
from avis.visualization.heat_maps import attention_grid
from avis.visualization.instances import instance_colors
from avis.visualization.record_media import pixel_aspect, walk_frames
from avis.visualization.video_writer import write_clip


@HOOKS.register_module()
class AVVisualizationHook(Hook):
    """Draw clips; without arguments nothing is drawn.

    A test writes ``<video>.png`` and ``<video>.mp4`` to ``show_dir``. The image has a column per
    frame and the rows frame, ground truth and prediction. Cells of unlabeled frames have no
    ground truth, and padding is left out. The video shows ground truth and prediction side by side,
    with audio if the model has a waveform as input. Of videos with instances the frames and the
    audio are read from the files again, and the image has 10 frames.

    A validation sends the same images to the backends of the visualizer (``val_<video>``), a
    training the first clip of a batch as the model sees it (``train_<video>``), with its prediction
    after this iteration.

    The visualizer of the config must be :class:`~avis.visualization.av_visualizer.AVVisualizer`.

    Args:
        show_dir: Folder of the images and videos of a test; None draws none.
        interval: Draw every n-th clip of a test.
        max_videos: Maximal number of clips of a test; None for no limit.
        video: Whether a test writes videos too.
        val_videos: Number of clips that each validation draws, the first ones.
        train_interval: Draw a clip after every n-th iteration of the training; 0 draws none.
        attention: Let a test write ``<video>_attention.png`` too, where each fusion block attends
            to the audio of each frame; see :mod:`avis.models.attention_maps`.
    """

    def __init__(
        self,
        *,
        show_dir: str | None = None,
        interval: int = 1,
        max_videos: int | None = None,
        video: bool = True,
        val_videos: int = 0,
        train_interval: int = 0,
        attention: bool = False,
    ) -> None:
        if interval < 1:
            raise ValueError(f'AVVisualizationHook: interval must be at least 1, got {interval}')
        self.show_dir = None if show_dir is None else Path(show_dir)
        self.interval = interval
        self.max_videos = max_videos
        self.video = video
        self.val_videos = val_videos
        self.train_interval = train_interval
        self.attention = attention
        self.seen = 0
        self._figures: AttentionFigures | None = None

    def before_run(self, runner: Runner) -> None:
        """Raise ValueError if something is to be drawn and the visualizer cannot draw clips."""
        active = self.show_dir is not None or self.val_videos or self.train_interval
        if active and not isinstance(runner.visualizer, AVVisualizer):
            raise ValueError(
                f'AVVisualizationHook: expected an AVVisualizer, got '
                f'{type(runner.visualizer).__name__}; set visualizer.type in the config to '
                f'avis.visualization.AVVisualizer'
            )

    def before_val_epoch(self, runner: Runner) -> None:
        """Reset the number of clips seen by this process."""
        self.seen = 0

    def before_test_epoch(self, runner: Runner) -> None:
        """Reset the number of clips seen by this process; start to record attention."""
        self.seen = 0
        if self.attention and self.show_dir is not None:
            self._figures = AttentionFigures(runner.model)

    def after_test_epoch(self, runner: Runner, metrics: Any = None) -> None:
        """Stop to record attention."""
        if self._figures is not None:
            self._figures.close()
            self._figures = None

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Any = None,
    ) -> None:
        """Predict and draw the first clip of the batch."""
        if not self.train_interval or (runner.iter + 1) % self.train_interval:
            return
        if is_main_process():
            inputs = {name: values[:1] for name, values in data_batch['inputs'].items()}
            sample = _predict_inputs(runner.model, inputs, data_batch['data_samples'][0])
            frames = inputs['frames'][0].permute(0, 2, 3, 1).cpu().numpy()
            name, step = f'train_{_file_name(sample)}', runner.iter + 1
            runner.visualizer.add_datasample(name, frames, sample, step=step)

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[Any] | None = None,
    ) -> None:
        """Send the first clips to the backends; process 0 draws its own."""
        if is_main_process() and self.seen < self.val_videos:
            for clip in self._clips(runner.val_dataloader.dataset, data_batch, outputs):
                if clip.number < self.val_videos:
                    name = f'val_{_file_name(clip.sample)}'
                    runner.visualizer.add_clip(name, clip.draw(runner.visualizer), step=runner.iter)

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[Any] | None = None,
    ) -> None:
        """Write the selected clips of the batch; each process writes its own."""
        if self.show_dir is None:
            return
        dataset = runner.test_dataloader.dataset
        if self._figures is not None:
            self._figures.collect(data_batch, dataset)
        for clip in self._clips(dataset, data_batch, outputs):
            if clip.index < len(dataset) and self._is_selected(clip.index):
                path = self.show_dir / _file_name(clip.sample)
                drawn = clip.draw(runner.visualizer)
                runner.visualizer.add_clip(path.name, drawn, out_file=f'{path}.png')
                if self.video:
                    clip.write_video(Path(f'{path}.mp4'), drawn)
                if self._figures is not None:
                    maps = self._figures.maps_of(clip.row, clip.positions)
                    grid = attention_grid(drawn, maps, self._figures.shown(clip.sample))
                    write_rgb_png(f'{path}_attention.png', grid)

    def _clips(
        self, dataset: Any, data_batch: Any, outputs: Sequence[Any] | None
    ) -> list['_ClipOfInputs']:
        """The predicted clips or videos of an iteration that are complete and readable."""
        inputs, outputs = data_batch['inputs'], outputs or ()
        samples = data_batch.get('data_samples') or outputs
        from_files = any('window' in one or 'pred_tracks' in one for one in (*samples, *outputs))
        frames = [None] * len(outputs) if from_files else inputs['frames']
        audio = [None] * len(outputs) if from_files else inputs.get('audio', [None] * len(outputs))
        clips = []
        for row, sample in enumerate(outputs):
            # Samples alternate between processes; an index past the end is a padding sample. Loops
            # over windows distribute videos differently, and store the index in the sample.
            index = self.seen * get_world_size() + get_rank()
            index = int(sample.get('video_index', index))
            if not sample.get('broken', False):
                kind: Any = _ClipOfFiles if from_files else _ClipOfInputs
                clips.append(kind(row, self.seen, index, sample, dataset, frames[row], audio[row]))
            self.seen += 1
        return clips

    def _is_selected(self, index: int) -> bool:
        number, rest = divmod(index, self.interval)
        return rest == 0 and (self.max_videos is None or number < self.max_videos)


@dataclass
class _ClipOfInputs:
    """A clip whose frames are the input of the model.

    Attributes:
        row: Index in the batch.
        number: How many clips this process has seen before it.
        index: Index in the data set.
        sample: Sample with the prediction.
        dataset: The data set.
        frames: uint8 (T, 3, H, W).
        audio: Input of the model; None without audio.
    """

    row: int
    number: int
    index: int
    sample: Any
    dataset: Any
    frames: Any
    audio: Any

    @property
    def positions(self) -> Any:
        """Indices of the drawn frames in the clip."""
        return np.flatnonzero(flags_per_frame(self.sample, 'valid_frames', len(self.frames)))

    def draw(self, visualizer: AVVisualizer) -> DrawnClip:
        """Draw all frames."""
        frames = self.frames.permute(0, 2, 3, 1).cpu().numpy()
        return visualizer.draw_datasample(frames, self.sample)

    def write_video(self, path: Path, drawn: DrawnClip) -> None:
        """Write the rows side by side, with audio if the input is a waveform."""
        audio, sample = self.audio, self.sample
        is_waveform = audio is not None and audio.ndim == 1 and 'sample_rate' in sample
        write_clip(
            path,
            drawn.video(),
            fps=float(sample.get('fps', 1.0)),
            audio=audio.float().cpu().numpy() if is_waveform else None,
            sample_rate=int(sample.sample_rate) if is_waveform else 16000,
        )


class _ClipOfFiles(_ClipOfInputs):
    """A video with instances, of any length: frames and audio are read from its files."""

    @property
    def positions(self) -> Any:
        """Indices of the drawn frames in the video."""
        return choose_frames(len(self._frame_ids()))

    def _frame_ids(self) -> Any:
        length = self.dataset.record(self.index)['length']
        return np.asarray(self.sample.get('frame_ids', range(length)))

    def draw(self, visualizer: AVVisualizer) -> DrawnClip:
        """Draw up to 10 frames, evenly distributed."""
        record, sample = self.dataset.record(self.index), self.sample
        frame_ids, chosen = self._frame_ids(), self.positions
        frames = np.stack(list(walk_frames(record, frame_ids[chosen])))
        shown = _select_frames(sample, frame_ids, chosen)
        shown.set_metainfo({'scale_factor': (float(1 / pixel_aspect(record)), 1.0)})
        return visualizer.draw_datasample(frames, shown, colors=instance_colors(sample))

    def write_video(self, path: Path, drawn: DrawnClip) -> None:
        """Write all frames, ground truth and prediction side by side."""
        record = self.dataset.record(self.index)
        classes = self.dataset.metainfo.get('classes', ())
        write_track_video(path, record, self.sample, classes=classes, gt=True)


def _select_frames(sample: Any, frame_ids: Any, chosen: Any) -> AVDataSample:
    """Return a sample with some frames of a video, as they are in its files."""
    shown = AVDataSample(metainfo={'frame_ids': frame_ids[chosen]})
    if 'fps' in sample:
        shown.set_metainfo({'fps': sample.fps})
    if 'labeled_frames' in sample:
        shown.labeled_frames = sample.labeled_frames[torch.from_numpy(chosen)]
    for name in ('gt_tracks', 'pred_tracks'):
        if name in sample:
            tracks = sample.get(name)
            masks = [
                MaskTrack(track.height, track.width, [track.rles[t] for t in chosen])
                for track in tracks.masks
            ]
            fields = InstanceData(labels=tracks.labels, ids=tracks.ids, masks=masks)
            setattr(shown, name, fields)
    return shown


def _predict_inputs(model: Any, inputs: dict[str, Any], sample: Any) -> Any:
    """Predict one training clip in evaluation mode; the masks have the size of the input.

    Args:
        model: The model, in training mode; the wrapper of distributed training is removed.
        inputs: Batch of one clip, not preprocessed.
        sample: Its data sample.

    Returns:
        A copy of the sample with the prediction.
    """
    model = model.module if is_model_wrapper(model) else model
    sample = sample.clone()
    sample.set_metainfo({'ori_shape': tuple(inputs['frames'][0].shape[-2:])})
    model.eval()
    try:
        with torch.no_grad():
            (predicted,) = model.test_step({'inputs': inputs, 'data_samples': [sample]})
    finally:
        model.train()
    return predicted


def _file_name(sample: Any) -> str:
    """File name, without suffix, from the name or id of a clip."""
    return safe_file_name(str(sample.get('video_name', sample.get('video_id', 'clip'))))
