"""Refuse configs whose components cannot work together, with one sentence each."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config

# What the models predict and are trained with, and what the metrics score.
_MAPS = {'AVSegmentor', 'QueryAVSegmentor'}
_TRACKS = {'AVInstanceSegmentor'}
_MAP_METRICS = {'AVSMetric', 'AVSSMetric'}
_TRACK_METRICS = {'AVISegMetric', 'YouTubeVISMetric', 'AVTrackMetric'}
# Fusion blocks of maps, and of queries.
_MAP_FUSIONS = {'TPAVI', 'AddFusion', 'ConcatFusion', 'CrossAttentionFusion', 'NoFusion'}
_QUERY_FUSIONS = {'AVISMQueryFusion'}
_FRAME_HEADS = {'Mask2FormerFrameHead', 'AVISMFrameHead'}
# Data sets without expressions.
_WITHOUT_TEXT = {'AVISeg', 'AVSBenchMS3', 'AVSBenchS4', 'AVSBenchSemantic', 'AVTrack', 'YouTubeVIS'}
_WIDTH_READERS = _MAP_FUSIONS | _QUERY_FUSIONS | {'AVISMClipHead', 'TextAudioFusion'}


def check_compatibility(cfg: Config, path: str | Path) -> None:
    """Raise ValueError for the first pair of components that cannot work together.

    Only classes of avis are compared; those of other packages and projects are not known here.

    Args:
        cfg: A checked config.
        path: Its file, for the error message.
    """
    model = cfg.get('model')
    if not isinstance(model, dict):
        return
    checks: tuple[Callable[[Any, Any], Iterator[str]], ...] = (
        _check_fusion,
        _check_audio,
        _check_widths,
        _check_text,
        _check_labels,
        _check_metrics,
        _check_loops,
    )
    for check in checks:
        for problem in check(cfg, model):
            raise ValueError(f'{path}: {problem}')


def kind(part: Any) -> str:
    """Return the name of the class of a component's config; '' if it is none."""
    if not isinstance(part, dict) or 'type' not in part:
        return ''
    value = part['type']
    return value.rsplit('.', 1)[-1] if isinstance(value, str) else getattr(value, '__name__', '')


def _check_fusion(cfg: Any, model: Any) -> Iterator[str]:
    """Blocks of maps are at maps, those of queries at queries."""
    name = kind(model.get('fusion'))
    if name in _QUERY_FUSIONS:
        yield (
            f'model.fusion: {name} fuses audio into queries, which {kind(model)} does not have; '
            f'use one of {_list(_MAP_FUSIONS)}'
        )
    head = model.get('frame_head') or {}
    name = kind(head.get('audio_fusion'))
    if kind(head) == 'AVISMFrameHead' and not name:
        yield (
            f'model.frame_head: AVISMFrameHead needs audio_fusion; set {_list(_QUERY_FUSIONS)}, or '
            f'use Mask2FormerFrameHead for a head without audio'
        )
    if name in _MAP_FUSIONS:
        yield (
            f'model.frame_head.audio_fusion: {name} fuses audio into maps, but {kind(head)} has '
            f'queries; use {_list(_QUERY_FUSIONS)}'
        )


def _check_audio(cfg: Any, model: Any) -> Iterator[str]:
    """Nothing reads the audio of a model without audio encoder."""
    if model.get('audio_encoder') is not None:
        return
    if kind(model) in _MAPS:
        yield (
            f'model.audio_encoder: {kind(model)} needs one; to measure it without audio, mute the '
            f'audio with MuteAudio'
        )
    for key in _parts_with_audio(model):
        yield (
            f'{key} reads audio, but the model has no audio_encoder; add one, or remove the '
            f'argument'
        )


def _parts_with_audio(model: Any) -> Iterator[str]:
    """Yield the keys of the arguments that make a component read audio."""
    if (model.get('frame_head') or {}).get('audio_fusion') is not None:
        yield 'model.frame_head.audio_fusion'
    head = (model.get('tracker') or {}).get('head') or {}
    # The width of the audio is 128 if it is not set.
    if kind(head) == 'AVISMClipHead' and head.get('audio_dim', 128) is not None:
        yield 'model.tracker.head.audio_dim'


def _check_widths(cfg: Any, model: Any) -> Iterator[str]:
    """The width that a fusion expects is that of the audio encoder, if both are written down."""
    encoder = model.get('audio_encoder') or {}
    width = encoder.get('out_channels', encoder.get('channels'))
    if kind(encoder) == 'VGGish':
        width = 128
    source, text_fusion = kind(encoder), model.get('text_fusion')
    if text_fusion is not None:
        yield from _check_width('model.text_fusion', text_fusion, width, source)
        width, source = text_fusion.get('channels'), kind(text_fusion)
    head, tracker = model.get('frame_head') or {}, model.get('tracker') or {}
    if head and kind(head) not in _FRAME_HEADS:
        return  # a head of a project may change the width
    for key, part in (
        ('model.fusion', model.get('fusion')),
        ('model.frame_head.audio_fusion', head.get('audio_fusion')),
        ('model.tracker.head', tracker.get('head')),
    ):
        yield from _check_width(key, part, width, source)


def _check_width(key: str, part: Any, width: Any, source: str) -> Iterator[str]:
    """The width that a component expects is that which its source returns."""
    if part is None or kind(part) not in _WIDTH_READERS:
        return
    expected = part.get('audio_dim')
    if isinstance(expected, int) and isinstance(width, int) and expected != width:
        yield (
            f'{key}.audio_dim is {expected}, but {source} returns rows of {width}; set '
            f'{key}.audio_dim={width}'
        )


def _check_text(cfg: Any, model: Any) -> Iterator[str]:
    """A model that reads text has data with expressions."""
    if model.get('text_encoder') is None:
        return
    for split in ('train', 'val', 'test'):
        name = kind((cfg.get(f'{split}_dataloader') or {}).get('dataset'))
        if name in _WITHOUT_TEXT:
            yield (
                f'{split}_dataloader: {kind(model)} with a text_encoder reads expressions, which '
                f'{name} does not have; use RefAVS, or remove model.text_encoder and '
                f'model.text_fusion'
            )


def _check_labels(cfg: Any, model: Any) -> Iterator[str]:
    """A model is trained with the labels that its training pipeline loads."""
    dataset = (cfg.get('train_dataloader') or {}).get('dataset') or {}
    pipeline = dataset.get('pipeline') or ()
    steps = pipeline.values() if isinstance(pipeline, dict) else pipeline
    names = {kind(step) for step in steps}
    if kind(model) in _MAPS and 'LoadTracks' in names:
        yield (
            f'train_dataloader: {kind(model)} is trained with label maps, but the pipeline loads '
            f'tracks; train it on AVSBench, or train AVInstanceSegmentor'
        )
    if kind(model) in _TRACKS and 'LoadLabelMaps' in names:
        yield (
            f'train_dataloader: {kind(model)} is trained with tracks, but the pipeline loads label '
            f'maps; train it on AVISeg, or train QueryAVSegmentor'
        )


def _check_metrics(cfg: Any, model: Any) -> Iterator[str]:
    """A metric scores what the model predicts, or converts it."""
    for key in ('val_evaluator', 'test_evaluator'):
        metrics = cfg.get(key) or ()
        for metric in [metrics] if isinstance(metrics, dict) else metrics:
            name = kind(metric)
            if kind(model) in _MAPS and name in _TRACK_METRICS:
                conversion = 'maps_to_tracks'
            elif kind(model) in _TRACKS and name in _MAP_METRICS:
                conversion = 'tracks_to_maps'
            else:
                continue
            yield (
                f'{key}: {name} cannot score what {kind(model)} predicts; use '
                f"dict(type=ConvertedMetric, conversion='{conversion}', metric=...)"
            )


def _check_loops(cfg: Any, model: Any) -> Iterator[str]:
    """A model that predicts windows of videos has the loop for it."""
    for key in ('val_cfg', 'test_cfg'):
        name = kind(cfg.get(key))
        if kind(model) in _MAPS and name in ('VideoTestLoop', 'VideoValLoop'):
            yield (
                f'{key}: {name} predicts a video in windows, which {kind(model)} cannot; use the '
                f'loop of mmengine'
            )


def _list(names: set[str]) -> str:
    return ' or '.join(sorted(names))
