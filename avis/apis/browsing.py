"""Write clips of a data set as images, videos and a page, for ``avis data browse``."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope

from avis.datasets.transforms import LoadAudio, LoadFrames, LoadLabelMaps, LoadTracks, PackAVInputs
from avis.registry import DATASETS
from avis.utils.atomic import write_atomic
from avis.utils.file_names import safe_file_name
from avis.visualization.clips import DrawnClip, draw_clip, side_by_side_frames
from avis.visualization.drawing import write_rgb_png
from avis.visualization.video_writer import write_clip

BrowseStage: TypeAlias = Literal['raw', 'input']

# The steps that read files and pack the clip; all others change what the model sees.
_READING = (LoadFrames, LoadAudio, LoadLabelMaps, LoadTracks, PackAVInputs)
_TITLES = {'raw': 'as in the files', 'input': 'as the model sees it'}


@dataclass(frozen=True)
class BrowsedClip:
    """Files of one clip.

    Attributes:
        index: Index in the data set.
        name: Name of the video.
        stage: Key of the title of its column.
        text: What is known about it.
        files: Names of the image and of the video in the folder.
    """

    index: int
    name: str
    stage: BrowseStage
    text: str
    files: tuple[str, str]


def browse_dataset(
    cfg: Config,
    out: str | Path,
    *,
    split: str = 'train',
    indices: Sequence[int] | None = None,
    number: int = 8,
    stages: Sequence[BrowseStage] = ('raw', 'input'),
    max_frames: int = 30,
) -> Path:
    """Draw clips with their ground truth, raw and after the pipeline, with their audio.

    Args:
        cfg: Config with the data loader of the split.
        out: Folder to write to: a PNG and an MP4 per clip and stage, and ``index.html``.
        split: ``'train'``, ``'val'`` or ``'test'``.
        indices: Indices of the clips; None for ``number`` of them, evenly distributed.
        number: Number of clips.
        stages: ``'raw'`` shows the frames of the files, ``'input'`` those after the pipeline.
        max_frames: Largest number of frames of a raw clip, its first ones.

    Returns:
        Path of the page.

    Raises:
        ValueError: The config has no such data loader, or the data set no such index.
    """
    init_default_scope(cfg.get('default_scope', 'avis'))
    loader = cfg.get(f'{split}_dataloader')
    if loader is None:
        raise ValueError(f'{cfg.filename}: expected {split}_dataloader, got nothing')
    dataset = DATASETS.build(loader.dataset)
    chosen = _choose(len(dataset), indices, number)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    clips = []
    for index in chosen:
        for stage in stages:
            item = dataset[index] if stage == 'input' else _raw_item(dataset, index, max_frames)
            clips.append(_write_clip(folder, index, stage, item, dataset.metainfo))
    page = folder / 'index.html'
    write_atomic(page, _page(f'{type(dataset).__name__}, {split}', clips, stages).encode())
    return page


def _choose(length: int, indices: Sequence[int] | None, number: int) -> list[int]:
    if indices is None:
        spread = np.linspace(0, length - 1, min(number, length)).round()
        return [int(index) for index in spread]
    wrong = [index for index in indices if not 0 <= index < length]
    if wrong:
        raise ValueError(f'expected indices from 0 to {length - 1}, got {wrong}')
    return list(indices)


def _raw_item(dataset: Any, index: int, max_frames: int) -> Any:
    """Read a clip with the reading steps of the pipeline only."""
    steps = [step for step in dataset.pipeline.transforms if isinstance(step, _READING)]
    record = dataset.get_data_info(index)
    frame_ids = np.arange(min(record['length'], max_frames))
    return Compose(steps)({**record, 'frame_ids': frame_ids})


def _write_clip(
    folder: Path, index: int, stage: BrowseStage, item: Any, metainfo: Any
) -> BrowsedClip:
    """Write image and video of one clip."""
    inputs, sample = item['inputs'], item['data_samples']
    if not isinstance(inputs.get('frames'), torch.Tensor):
        raise ValueError(f'{sample.get("video_name")!r}: expected a pipeline that loads frames')
    if stage == 'input':  # at the size and aspect ratio of the input
        sample.set_metainfo({'scale_factor': (1.0, 1.0)})
    frames = inputs['frames'].permute(0, 2, 3, 1).numpy()
    drawn = draw_clip(frames, sample, metainfo=metainfo)
    name = str(sample.get('video_name', sample.get('video_id', index)))
    stem = f'{index:05d}_{safe_file_name(name)}_{stage}'
    write_rgb_png(folder / f'{stem}.png', drawn.grid())
    audio = inputs.get('audio')
    is_waveform = audio is not None and audio.ndim == 1
    write_clip(
        folder / f'{stem}.mp4',
        _video(drawn),
        fps=float(sample.get('fps', 1.0)),
        audio=audio.numpy() if is_waveform else None,
        sample_rate=int(sample.get('sample_rate', 16000)),
    )
    text = _describe(frames.shape, audio, sample)
    return BrowsedClip(index, name, stage, text, (f'{stem}.png', f'{stem}.mp4'))


def _video(drawn: DrawnClip) -> Any:
    return side_by_side_frames(drawn.frames, {'frame': list(drawn.frames), **drawn.rows})


def _describe(shape: tuple[int, ...], audio: Any, sample: Any) -> str:
    frames, height, width = shape[:3]
    if audio is not None and audio.ndim == 1:
        audio_text = f'{len(audio) / sample.sample_rate:.1f} s of audio'
    else:
        audio_text = 'no audio' if audio is None else f'audio embeddings {tuple(audio.shape)}'
    flip = ', flipped' if sample.get('flip', False) else ''
    return f'{frames} frames of {width} x {height}, {audio_text}{flip}'


def _page(title: str, clips: Sequence[BrowsedClip], stages: Sequence[BrowseStage]) -> str:
    """Return a page with a row per clip and a column per stage."""
    rows: dict[int, dict[str, BrowsedClip]] = {}
    for clip in clips:
        rows.setdefault(clip.index, {})[clip.stage] = clip
    lines = []
    for index, columns in rows.items():
        name = html.escape(next(iter(columns.values())).name)
        cells = ''.join(f'<td>{_cell(columns[stage])}</td>' for stage in stages)
        lines.append(f'<tr><th>{index}<br>{name}</th>{cells}</tr>')
    heads = ''.join(f'<th>{_TITLES[stage]}</th>' for stage in stages)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{html.escape(title)}</title><style>{_STYLE}</style></head>\n'
        f'<body><h1>{html.escape(title)}</h1>\n<table><thead><tr><th></th>{heads}</tr></thead>\n<tbody>'
        + '\n'.join(lines)
        + '</tbody></table></body></html>\n'
    )


def _cell(clip: BrowsedClip) -> str:
    image, video = (html.escape(name) for name in clip.files)
    return (
        f'<video controls preload="none" poster="{image}" src="{video}"></video>'
        f'<p>{html.escape(clip.text)}, <a href="{image}">image</a></p>'
    )


_STYLE = (
    ':root{color-scheme:light dark}body{font:16px/1.4 system-ui,sans-serif;margin:1rem}'
    'table{border-collapse:collapse;width:100%}td,th{padding:.5rem;vertical-align:top;'
    'border-bottom:1px solid #8886;text-align:left}th{overflow-wrap:anywhere}'
    'video{width:100%;max-width:60rem;background:#8882}p{margin:.25rem 0 0}'
)
