"""Small models from any combination of components, on small synthetic data sets."""

import functools
import itertools
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config

from avis.synthetic.generator import make_dataset
from tests.helpers.tiny_encoders import audio_config, image_config

WIDTHS = (16, 32, 64, 128)  # of the maps of each backbone
CHANNELS, AUDIO, HIDDEN, QUERIES = 32, 16, 32, 6
NUM_INSTANCE_CLASSES, NUM_SEMANTIC_CLASSES = 26, 71
RATE = 16000

_MAP_FUSIONS = ('TPAVI', 'AddFusion', 'ConcatFusion', 'CrossAttentionFusion', 'NoFusion')
_FRAME_HEADS = ('Mask2FormerFrameHead', 'AVISMFrameHead')
NONE = 'none'
FACTORS = {
    'backbone': ('ResNet', 'timm', 'swin', 'dinov2'),
    'audio': ('LogMelCNN', 'wav2vec2', 'whisper', NONE),
    'fusion': (*_MAP_FUSIONS, 'AVISMQueryFusion', NONE),
    'head': ('RefineFPNHead', *_FRAME_HEADS),
    'tracker': (
        *('ClipQueryTracker', 'QueryMatchingTracker', 'MaskOverlapTracker', 'BoxTracker'),
        NONE,
    ),
    'layout': ('avsbench_s4', 'avsbench_ms3', 'avss', 'aviseg', 'avtrack'),
}


class Combination(NamedTuple):
    """One component of each kind, by name."""

    backbone: str
    audio: str
    fusion: str
    head: str
    tracker: str
    layout: str

    @property
    def segmentor(self) -> str:
        if self.head == 'RefineFPNHead':
            return 'AVSegmentor'
        return 'QueryAVSegmentor' if self.tracker == NONE else 'AVInstanceSegmentor'

    @property
    def works(self) -> bool:
        """Whether the components can work together; a config with others is refused."""
        if self.head == 'RefineFPNHead':
            fits = self.fusion in _MAP_FUSIONS and self.tracker == NONE
        elif self.head == 'AVISMFrameHead':
            fits = self.fusion == 'AVISMQueryFusion'
        else:
            fits = self.fusion == NONE
        silent = self.audio == NONE
        return fits and not (silent and (self.head == 'AVISMFrameHead' or self.tracker == NONE))


Pair = tuple[tuple[str, str], tuple[str, str]]


def pairs_of(combination: Combination) -> set[Pair]:
    """All pairs of (kind, component)."""
    return set(itertools.combinations(combination._asdict().items(), 2))


@functools.cache
def working_combinations() -> tuple[Combination, ...]:
    """All combinations that work, in a fixed order."""
    every = (Combination(*row) for row in itertools.product(*FACTORS.values()))
    return tuple(combination for combination in every if combination.works)


@functools.cache
def covering_combinations() -> tuple[Combination, ...]:
    """A few working combinations that contain each pair which any working one contains."""
    candidates = working_combinations()
    missing = set().union(*map(pairs_of, candidates))
    chosen = []
    while missing:
        best = max(candidates, key=lambda combination: len(pairs_of(combination) & missing))
        chosen.append(best)
        missing -= pairs_of(best)
    return tuple(chosen)


def impossible_combinations() -> dict[Pair, Combination]:
    """Pairs that no working combination contains, each in one that works without it."""
    working = working_combinations()
    possible = set().union(*map(pairs_of, working))
    found = {}
    for first, second in itertools.combinations(FACTORS, 2):
        for one, other in itertools.product(FACTORS[first], FACTORS[second]):
            pair = ((first, one), (second, other))
            if pair not in possible:
                start = next(c for c in working if getattr(c, first) == one)
                found[pair] = start._replace(**{second: other})
    return found


def make_data(root: Path) -> Path:
    """Write one small video per layout and split."""
    for layout in FACTORS['layout']:
        seconds = {'seconds': 3} if layout in ('aviseg', 'avtrack') else {}
        make_dataset(layout=layout, out=root / layout, videos=3, size=(64, 64), **seconds)
    return root


def write_config(combination: Combination, data: Path, path: Path) -> Path:
    """Write the config of a combination."""
    config = {'default_scope': 'avis', 'model': _model(combination)}
    is_instances = combination.segmentor == 'AVInstanceSegmentor'
    trained = _training_layout(combination)
    config['train_dataloader'] = _loader(trained, data, train=True)
    config['test_dataloader'] = _loader(combination.layout, data, train=False)
    config['test_evaluator'] = _metric(combination.layout, is_instances)
    Config(config).dump(path)
    return path


def _training_layout(combination: Combination) -> str:
    """The layout itself where it has the labels of the model and a training split."""
    if combination.segmentor == 'AVInstanceSegmentor':
        return 'aviseg'
    return combination.layout if combination.layout.startswith('avs') else 'avsbench_ms3'


def _loader(layout: str, data: Path, *, train: bool) -> dict:
    classes = {
        'avsbench_s4': ('AVSBenchS4', 'Single-source'),
        'avsbench_ms3': ('AVSBenchMS3', 'Multi-sources'),
        'avss': ('AVSBenchSemantic', ''),
        'aviseg': ('AVISeg', ''),
        'avtrack': ('AVTrack', ''),
    }
    kind, folder = classes[layout]
    labels: dict = {'type': 'LoadTracks', 'form': 'dense' if train else 'tracks'}
    if layout.startswith('avsbench'):
        labels = {'type': 'LoadLabelMaps', 'encoding': 'binary'}
    elif layout == 'avss':
        labels = {
            'type': 'LoadLabelMaps',
            'encoding': 'voc_colors',
            'num_classes': NUM_SEMANTIC_CLASSES,
        }
    dataset = {
        'type': kind,
        'data_root': str(data / layout / folder),
        'pipeline': [
            {'type': 'LoadFrames'},
            {'type': 'LoadAudio', 'sample_rate': RATE, 'max_padding': 1.0},
            labels,
            {'type': 'PackAVInputs'},
        ],
    }
    if layout.startswith('avsbench'):
        dataset['audio'] = 'wav'
    if layout != 'avtrack':
        dataset['split'] = 'train' if train else 'test'
    return {'batch_size': 1, 'sampler': {'type': 'DefaultSampler'}, 'dataset': dataset}


def _metric(layout: str, is_instances: bool) -> dict:
    """The metric of the benchmark, which converts predictions of another kind."""
    metric = {
        'avsbench_s4': {'type': 'AVSMetric'},
        'avsbench_ms3': {'type': 'AVSMetric'},
        'avss': {'type': 'AVSSMetric'},
        'aviseg': {'type': 'AVISegMetric'},
        'avtrack': {'type': 'AVTrackMetric'},
    }[layout]
    metric['protocol'] = 'corrected'
    if is_instances == (layout in ('aviseg', 'avtrack')):
        return metric
    conversion = 'tracks_to_maps' if is_instances else 'maps_to_tracks'
    return {'type': 'ConvertedMetric', 'conversion': conversion, 'metric': metric}


def _model(combination: Combination) -> dict:
    with_audio = combination.audio != NONE
    model = {
        'type': combination.segmentor,
        'data_preprocessor': {'type': 'AVDataPreprocessor'},
        'backbone': _backbone(combination.backbone),
        'audio_encoder': _audio_encoder(combination.audio),
    }
    fusion = None
    if combination.fusion != NONE:
        fusion = {'type': combination.fusion, 'channels': CHANNELS, 'audio_dim': AUDIO}
    if combination.tracker != NONE:
        model['tracker'] = _tracker(combination.tracker, with_audio)
    if combination.head == 'RefineFPNHead':
        return {**model, 'fusion': fusion, **_map_head(_training_layout(combination))}
    return {**model, 'frame_head': _frame_head(combination, fusion)}


def _map_head(layout: str) -> dict:
    semantic = layout == 'avss'
    return {
        'neck': {'type': 'DilatedConvNeck', 'in_channels': WIDTHS, 'out_channels': CHANNELS},
        'decode_head': {
            'type': 'RefineFPNHead',
            'num_classes': NUM_SEMANTIC_CLASSES if semantic else 1,
            'channels': CHANNELS,
        },
        'loss_seg': {'type': 'LabeledCrossEntropyLoss' if semantic else 'LabeledBCELoss'},
    }


def _frame_head(combination: Combination, fusion: dict | None) -> dict:
    num_classes = NUM_INSTANCE_CLASSES
    if combination.segmentor != 'AVInstanceSegmentor':
        semantic = _training_layout(combination) == 'avss'
        num_classes = NUM_SEMANTIC_CLASSES if semantic else 2
    head = {
        'type': combination.head,
        'num_classes': num_classes,
        'num_queries': QUERIES,
        'channels': CHANNELS,
        'num_layers': 3,
        'hidden_channels': HIDDEN,
        'pixel_decoder': {
            'type': 'DeformablePixelDecoder',
            'in_channels': WIDTHS,
            'channels': CHANNELS,
            'num_layers': 1,
            'hidden_channels': HIDDEN,
        },
        'loss_set': _set_loss(num_classes),
    }
    return head if fusion is None else {**head, 'audio_fusion': fusion}


def _set_loss(num_classes: int) -> dict:
    return {'type': 'MaskSetLoss', 'num_classes': num_classes, 'num_points': 64}


def _tracker(name: str, with_audio: bool) -> dict:
    detector = {'type': 'Detector', 'score_threshold': 0.0}
    if name == 'BoxTracker':
        byte = {'type': 'ByteTracker', 'motion': {'type': 'KalmanFilter'}}
        return {'type': name, 'detector': detector, 'tracker': byte}
    if name != 'ClipQueryTracker':
        return {'type': name, 'detector': detector}
    head = {
        'type': 'AVISMClipHead',
        'num_classes': NUM_INSTANCE_CLASSES,
        'channels': CHANNELS,
        'hidden_channels': HIDDEN,
        'num_queries': QUERIES,
        'num_frame_queries': QUERIES,
        'num_encoder_layers': 2,
        'audio_dim': AUDIO if with_audio else None,
    }
    return {
        'type': name,
        'head': head,
        'loss_set': _set_loss(NUM_INSTANCE_CLASSES),
        'loss_similarity': {'type': 'ClipSimilarityLoss'},
        'score_threshold': 0.01,
    }


def _backbone(name: str) -> dict:
    if name == 'timm':
        return {
            'type': 'TimmBackbone',
            'model': 'test_convnext',
            'pretrained': False,
            'out_channels': WIDTHS,
        }
    if name == 'ResNet':
        return {'type': name, 'depth': 18, 'base_channels': 16, 'stem_channels': 16}
    return {
        'type': 'TransformersBackbone',
        'model': image_config(name),
        'out_channels': WIDTHS,
        'frozen_stages': 1,
    }


def _audio_encoder(name: str) -> dict | None:
    if name == NONE:
        return None
    if name == 'LogMelCNN':
        return {'type': name, 'out_channels': AUDIO, 'width': 8}
    return {'type': 'TransformersAudio', 'model': audio_config(name), 'out_channels': AUDIO}
