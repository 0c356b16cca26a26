"""Values of the AVSBench recipes: data sets, losses, initialization and validation epochs.

Everything is built from the published configs; only the folder of the data, and the size of frames
where the golden states one, are changed.
"""

import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from torch import nn

from avis.apis import load_config
from avis.datasets.readers.images import read_image
from avis.registry import DATASETS, MODELS
from tests.helpers.entries import Entry, exact, named
from tests.recipes import avsbench_training
from tests.recipes.stored import Arrays, read_arrays, whole

CONFIGS = Path(__file__).parents[2] / 'configs' / 'avs' / 'tpavi'
ROOTS = {'s4': 'Single-source', 'ms3': 'Multi-sources', 'avss': 'AVSBench_semantic'}
WAV_TOLERANCE = 2e-4  # of a log-mel value
OTHER_DECODER = 3 / 255 / 0.224  # of a normalized color, where a JPEG decodes differently


def compare(folder: Path) -> Iterator[Entry]:
    """Compare the files of ``folder``."""
    for name in ROOTS:
        if (folder / name / 'golden.npz').is_file():
            yield from compare_data(folder / name, name)
    yield from avsbench_training.compare(folder)


@dataclass(frozen=True)
class Clips:
    """Clips of one split as they enter the model.

    Attributes:
        names: Video names.
        paths: Files of the frames.
        frames: (B, T, 3, H, W), normalized.
        valid: bool (B, T).
        examples: (B, T, 1, 96, 64), input of VGGish; empty if not computed.
        labels: Per clip (T, H, W).
        labeled: Per clip bool (T,).
        palette: (K, 3).
    """

    names: list[str]
    paths: list[list[str]]
    frames: np.ndarray
    valid: np.ndarray
    examples: np.ndarray
    labels: list[np.ndarray]
    labeled: list[np.ndarray]
    palette: np.ndarray

    def only(self, index: int) -> 'Clips':
        """Return one clip."""
        one = slice(index, index + 1)
        fields = ('names', 'paths', 'frames', 'valid', 'examples', 'labels', 'labeled')
        return replace(self, **{field: getattr(self, field)[one] for field in fields})


def compare_data(folder: Path, name: str) -> Iterator[Entry]:
    """Compare one data set, whose files are in ``data.zip`` of the folder."""
    arrays, meta = read_arrays(folder / 'golden.npz')
    splits: dict[str, list[int]] = {}
    for case in meta['cases']:
        split, index = case.split('/')
        splits.setdefault(split, []).append(int(index))
    with tempfile.TemporaryDirectory() as unpacked:
        with zipfile.ZipFile(folder / 'data.zip') as file:
            file.extractall(unpacked)
        root = Path(unpacked) / ROOTS[name]
        for split, indices in splits.items():
            make = compare_semantic if name == 'avss' else compare_binary
            entries = make(arrays, meta, root, name, split, sorted(indices))
            yield from named(f'{name}/golden.npz:', entries)


def compare_binary(
    arrays: Arrays, meta: dict, root: Path, name: str, split: str, indices: list[int]
) -> Iterator[Entry]:
    """Compare a split of S4 or MS3, with the audio of both kinds of files."""
    sizes = {i: tuple(meta['cases'][f'{split}/{i}']['width_height'][::-1]) for i in indices}
    for size in sorted(set(sizes.values())):
        chosen = [i for i in indices if sizes[i] == size]
        kinds = ('log_mel', 'wav') if any(root.glob('*/audio_wav')) else ('log_mel',)
        for kind in kinds:
            clips = load_clips(f'tpavi_r50_{name}', root, split, chosen, size=size, audio=kind)
            tolerance = WAV_TOLERANCE if kind == 'wav' else 0.0
            for row, index in enumerate(chosen):
                clip, case = clips.only(row), f'{split}/{index}'
                for entry in compare_examples(arrays, case, clip, tolerance):
                    yield replace(entry, name=f'{entry.name} ({kind})')
                if kind == 'log_mel':
                    yield exact(f'{case}/name', clip.names, [meta['cases'][case]['name']])
                    yield from compare_frames(arrays, f'{case}/frames', clip)
                    masks = clip.labels[0][clip.labeled[0]]
                    yield from whole(arrays, f'{case}/masks', masks, tolerance=0, sum_tolerance=0)
                    yield exact(f'{case}/labelled', clip.labeled[0], arrays[f'{case}/labelled'])


def compare_semantic(
    arrays: Arrays, meta: dict, root: Path, name: str, split: str, indices: list[int]
) -> Iterator[Entry]:
    """Compare a split of AVSS at the recorded sizes."""
    matches = (re.search(r'/size(\d+)/frames$', key) for key in arrays)
    recorded = {int(match[1]) for match in matches if match}
    for number, size in enumerate(sorted(recorded)):
        clips = load_clips(f'tpavi_r50_{name}', root, split, indices, size=(size, size))
        for row, index in enumerate(indices):
            clip, case = clips.only(row), f'{split}/{index}'
            facts = meta['cases'][case]
            same_decoder = decoded_crc32(clip.paths[0]) == facts.get('decoded_crc32')
            yield from compare_frames(arrays, f'{case}/size{size}/frames', clip, same_decoder)
            yield from whole(
                arrays, f'{case}/size{size}/labels', clip.labels[0], tolerance=0, sum_tolerance=0
            )
            if number == 0:
                yield exact(f'{case}/name', clip.names, [facts['name']])
                yield exact(f'{case}/palette', clip.palette, arrays['palette'])
                yield exact(f'{case}/valid', clip.valid[0], arrays[f'{case}/valid'])
                # In training the frames that the loss counts; in evaluation all real frames are
                # scored, whatever the reference marks.
                flag = 'labelled' if split == 'train' else 'valid'
                yield exact(f'{case}/labelled', clip.labeled[0], arrays[f'{case}/{flag}'])
                yield from compare_examples(arrays, case, clip, WAV_TOLERANCE)


def compare_frames(
    arrays: Arrays, key: str, clip: Clips, same_decoder: bool = True
) -> Iterator[Entry]:
    """Compare normalized frames; padding must be exactly zero."""
    tolerance, sums = (1e-6, 1e-6) if same_decoder else (OTHER_DECODER, np.inf)
    yield from whole(arrays, key, clip.frames[0], tolerance=tolerance, sum_tolerance=sums)
    padding = clip.frames[0][~clip.valid[0]]
    yield Entry(f'{key} padding', float(np.abs(padding).max(initial=0)))


def compare_examples(arrays: Arrays, case: str, clip: Clips, tolerance: float) -> Iterator[Entry]:
    """Compare the input of VGGish; the embeddings of padding frames are multiplied by zero."""
    key, valid = f'{case}/examples', clip.valid[0]
    recorded = arrays[key]
    if recorded[~valid].any():  # audio beyond the last frame, without effect
        short = {key: recorded[valid], f'{key}/step': arrays[f'{key}/step']}
        yield from whole(
            {**short, f'{key}/shape': np.array([valid.sum(), 1, 96, 64])},
            key,
            clip.examples[0][valid],
            tolerance=tolerance,
            sum_tolerance=1e-6,
        )
    else:
        yield from whole(arrays, key, clip.examples[0], tolerance=tolerance, sum_tolerance=1e-6)


def load_clips(
    config: str,
    root: Path,
    split: str,
    indices: list[int],
    *,
    size: tuple[int, int],
    **options: Any,
) -> Clips:
    """Load clips of a data set and prepare them as a batch, as the config does."""
    cfg = load_config(CONFIGS / f'{config}.py')
    dataset_cfg = cfg[f'{split}_dataloader'].dataset
    dataset_cfg.update(data_root=str(root), **options)
    set_size(dataset_cfg.pipeline, size)
    dataset = DATASETS.build(dataset_cfg)
    preprocess = MODELS.build(cfg.model.data_preprocessor)
    batch = pseudo_collate([dataset[index] for index in indices])
    batch = preprocess(batch, training=split == 'train')
    inputs, samples = batch['inputs'], batch['data_samples']
    num_clips, num_frames = inputs['frames'].shape[:2]
    valid = inputs.get('valid_frames', torch.ones(num_clips, num_frames, dtype=torch.bool))
    encoder = MODELS.build(cfg.model.audio_encoder)
    # In place of the network: the embeddings are then its input.
    object.__setattr__(encoder, '_frozen_instance', nn.Identity())
    examples = encoder(inputs['audio'], num_frames, inputs.get('audio_lengths'))
    return Clips(
        names=[sample.video_name for sample in samples],
        paths=[dataset.record(index)['frames'] for index in indices],
        frames=inputs['frames'].numpy(),
        valid=valid.numpy(),
        examples=examples.unsqueeze(2).numpy(),
        labels=[sample.gt_sem_seg.sem_seg.numpy() for sample in samples],
        labeled=[sample.labeled_frames.numpy() for sample in samples],
        palette=np.array(dataset.metainfo['palette']),
    )


def set_size(pipeline: dict[str, Any], size: tuple[int, int]) -> None:
    """Change the size of the input in a pipeline."""
    if 'crop' in pipeline:
        pipeline['resize']['short_side'] = size[0]
        pipeline['crop']['size'] = size
    else:
        pipeline['resize']['size'] = size


def decoded_crc32(paths: list[str]) -> list[int]:
    """Checksums of decoded images, which differ between JPEG decoders."""
    return [zlib.crc32(read_image(path).tobytes()) for path in paths]
