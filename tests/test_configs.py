"""Every config loads, builds its model, trains a step and predicts; configs stay shallow."""

import ast
import re
import statistics
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData

from avis.apis import AVInferencer, load_config
from avis.apis.config_files import config_files
from avis.apis.inference import class_names
from avis.datasets.mixed_dataset import parts_of
from avis.export import read_results
from avis.models.audio_encoders.log_mel_cnn import LogMelCNN
from avis.structures.av_data_sample import AVDataSample
from avis.utils.mp4 import write_mp4
from tests.helpers.small_configs import one_block_per_stage, shrink, without_pretrained

ROOT = Path(__file__).resolve().parents[1]
BASES = sorted((ROOT / 'configs' / '_base_').rglob('*.py'))
LEAVES = sorted(set((ROOT / 'configs').rglob('*.py')) - set(BASES))
# AVTracker has no training step: tests/test_avtracker_configs.py.
# lr_asd_faces reads whole videos: tests/avtracker/test_active_speaker_tracker.py.
CONFIGS = [path for path in LEAVES if 'avtracker' not in path.parts and path.stem != 'lr_asd_faces']
# No published model.
UNPUBLISHED = (
    'avtracker_offline',
    'avtracker_offline_asd',
    'lr_asd_faces',
    'mask2former_r50_coco_aviseg',
    'text_mask2former_swinb_ref_avs',
)
# Models of face tracks: tests/test_asd_configs.py.
SEGMENTORS = [path for path in CONFIGS if path.parent.name != 'asd']
MAX_BASES = 4  # data set, model, schedule, runtime; the leaf itself is not counted
FRAMES, SIZE = 2, 64


def sample(encoder: torch.nn.Module | None) -> dict:
    """One clip with audio embeddings, so that no weights of an audio network are needed."""
    size = (SIZE, SIZE)
    gt = AVDataSample(metainfo={'img_shape': size, 'ori_shape': size, 'video_name': 'clip'})
    gt.set_metainfo({'expression': 'The man.'})
    gt.labeled_frames = torch.tensor([True, False])
    frames = torch.randint(0, 256, (FRAMES, 3, SIZE, SIZE), dtype=torch.uint8)
    inputs = {'frames': frames}
    if encoder is not None:
        inputs['audio'] = torch.rand(FRAMES, encoder.out_channels)
    return {'inputs': inputs, 'data_samples': gt}


def with_labels(clip: dict, num_classes: int) -> dict:
    """Add the ground truth of a semantic task: a square of the last class."""
    labels = np.zeros((FRAMES, SIZE, SIZE), np.uint8)
    labels[:, 16:48, 16:48] = max(num_classes - 1, 1)
    clip['data_samples'].gt_sem_seg = PixelData(sem_seg=torch.from_numpy(labels))
    return clip


def with_tracks(clip: dict) -> dict:
    """Add the ground truth of an instance task: two squares, the second in one frame only."""
    masks = torch.zeros(2, FRAMES, SIZE, SIZE, dtype=torch.bool)
    masks[0, :, 16:48, 16:48] = True
    masks[1, 0, :8, :8] = True
    clip['data_samples'].gt_tracks = InstanceData(
        labels=torch.tensor([0, 3]), ids=torch.tensor([4, 7]), masks=masks
    )
    return clip


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_config_states_the_batch_of_its_learning_rate(path: Path) -> None:
    config = load_config(path, check_types=False)
    if config.get('optim_wrapper') is None:  # for testing only
        return
    counts = config.optim_wrapper.get('accumulative_counts', 1)
    assert config.auto_scale_lr.enable is False
    assert config.auto_scale_lr.base_batch_size % (config.train_dataloader.batch_size * counts) == 0


@pytest.mark.parametrize('path', SEGMENTORS, ids=lambda path: path.stem)
def test_config_loads_builds_trains_a_step_and_predicts(path: Path, tmp_path: Path) -> None:
    config = load_config(path)
    assert config.default_scope == 'avis'
    init_default_scope('avis')
    without_pretrained(config.model)
    instances = 'tracker' in config.model
    if 'frame_head' in config.model:
        shrink(config.model)
    with one_block_per_stage(config.model):
        inferencer = AVInferencer(config, show_progress=False)
    model = inferencer.model
    head = model.frame_head if 'frame_head' in config.model else model.decode_head
    batch = [
        with_tracks(clip) if instances else with_labels(clip, head.num_classes)
        for clip in (sample(model.audio_encoder) for _ in range(2))
    ]
    if config.get('optim_wrapper') is not None:  # else the config is for testing only
        train_a_step(model, config.optim_wrapper, batch)
    model.eval()
    with torch.no_grad():
        (prediction, _) = model.test_step(pseudo_collate(batch))
    if instances:
        tracks = prediction.pred_tracks
        assert len(tracks.scores) == len(tracks.ids) == len(tracks.masks)
        assert all((len(m), m.height, m.width) == (FRAMES, SIZE, SIZE) for m in tracks.masks)
    else:
        assert prediction.pred_sem_seg.sem_seg.shape == (FRAMES, SIZE, SIZE)
    infer_a_video(inferencer, tmp_path)


def infer_a_video(inferencer: AVInferencer, folder: Path) -> None:
    """Predict two frames of 40 x 64 through the test pipeline, with the audio that it reads."""
    model = inferencer.model
    pipeline = model.cfg.test_dataloader.dataset.pipeline
    resize = pipeline.get('resize') or pipeline.load_frames.get('resize')
    if resize is not None:
        resize.update({'size': (SIZE, SIZE)} if 'size' in resize else {'short_side': SIZE})
    audio = None
    # The weights of VGGish do not exist here.
    if not isinstance(model.audio_encoder, LogMelCNN | None):
        pipeline.load_audio.source, audio = 'features', folder / 'audio.npy'
        np.save(audio, np.zeros((FRAMES, model.audio_encoder.out_channels), np.float32))
    frames = (np.full((40, SIZE, 3), 90 * t, np.uint8) for t in range(FRAMES))
    write_mp4(folder / 'clip.mp4', frames, fps=1, audio=np.zeros(16000 * FRAMES, np.int16))
    found = inferencer(
        folder / 'clip.mp4', audio=audio, expression='The man.', out_dir=folder / 'out'
    )
    assert found['failed'] == {}
    (result,) = found['predictions']
    assert (result.length, result.height, result.width) == (FRAMES, 40, SIZE)
    assert len(read_results(folder / 'out' / 'clip').tracks) == len(result.tracks)
    for track in result.tracks:
        assert track.class_name == class_names(model)[track.label]
        assert len(track.masks) == FRAMES


def train_a_step(model: torch.nn.Module, optim_wrapper: dict, batch: list[dict]) -> None:
    """Check that the loss is finite and that backbone and head are updated."""
    model.train()
    wrapper = build_optim_wrapper(model, optim_wrapper)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    losses = model.train_step(pseudo_collate(batch), wrapper)
    assert np.isfinite(float(losses['loss'].detach()))
    moved = [n for n, weight in model.named_parameters() if not torch.equal(weight, before[n])]
    assert any(name.startswith('backbone') for name in moved)
    assert any(name.startswith(('decode_head', 'frame_head')) for name in moved)


def opened_files(path: Path) -> list[Path]:
    """The files that a config opens by ``read_base()``, without itself, at any depth."""
    return list(config_files(path))[1:]


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_leaf_opens_the_bases_it_names_and_nothing_behind_them(path: Path) -> None:
    opened = opened_files(path)
    assert len(opened) <= MAX_BASES
    assert set(opened) <= set(BASES)
    kinds = [file.relative_to(ROOT / 'configs/_base_').parent for file in opened]
    assert len(set(kinds)) == len(kinds), f'{path} names two bases of one kind'


@pytest.mark.parametrize('path', BASES, ids=lambda path: path.stem)
def test_base_opens_no_other_file(path: Path) -> None:
    assert opened_files(path) == []


def test_opened_files_are_counted() -> None:
    counts = [len(opened_files(path)) for path in LEAVES]
    assert (statistics.median(counts), max(counts)) == (4, MAX_BASES)


@pytest.mark.parametrize('path', [*BASES, *LEAVES], ids=lambda path: path.stem)
def test_pipeline_steps_are_named(path: Path) -> None:
    subscripts = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Subscript)]
    assert not subscripts, f'{path}:{subscripts[0].lineno}: override a value by its name'
    config = Config.fromfile(path)
    for split in ('train', 'val', 'test'):
        loader = config.get(f'{split}_dataloader') or {}
        parts = parts_of(loader.get('dataset', {'pipeline': {}})).values()
        assert all(isinstance(part['pipeline'], dict) for part in parts)


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_variants_without_a_published_row_are_ablations(path: Path) -> None:
    if path.stem.startswith('demo_') or path.stem in UNPUBLISHED:
        return
    text = ast.get_docstring(ast.parse(path.read_text())).split('Status:')[0]
    published = re.search(r'\d\d\.\d', text) is not None
    assert published == (path.parent.name != 'ablations')
