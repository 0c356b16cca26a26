"""The backbones and audio encoders that a config can name, with the packages installed here."""

import fnmatch
import importlib
import importlib.metadata
import pkgutil
from dataclasses import dataclass
from typing import Literal, get_args

from avis.models.transformers_loading import INSTALL_ENCODERS
from avis.registry import MODELS

Kind = Literal['backbone', 'audio-encoder']
_PACKAGES: dict[Kind, str] = {
    'backbone': 'avis.models.backbones',
    'audio-encoder': 'avis.models.audio_encoders',
}


@dataclass(frozen=True)
class NetworkSource:
    """The networks of one package.

    Attributes:
        package: Name of the distribution.
        version: None if it is not installed.
        usage: How a config names one of them.
        names: Sorted.
    """

    package: str
    version: str | None
    usage: str
    names: tuple[str, ...]


def find_networks(kind: Kind, pattern: str | None = None) -> list[NetworkSource]:
    """Return the networks of each package whose name fits the pattern.

    Args:
        kind: Of the networks.
        pattern: Part of a name, or a pattern with ``*``; None for all.

    Raises:
        ValueError: Unknown kind.
    """
    if kind not in get_args(Kind):
        raise ValueError(f'expected kind {" or ".join(get_args(Kind))}, got {kind!r}')
    sources = [_avis_classes(kind)]
    if kind == 'backbone':
        sources += [_mmdet_classes(), _transformers_backbones(), _timm_networks()]
    else:
        sources.append(_transformers_audio())
    text = pattern or '*'
    text = text if '*' in text else f'*{text}*'
    return [
        NetworkSource(
            source.package,
            source.version,
            source.usage,
            tuple(fnmatch.filter(sorted(source.names), text)),
        )
        for source in sources
    ]


def describe_source(source: NetworkSource) -> str:
    """Return one line: package, usage, names."""
    if source.version is None:
        return f'{source.package} is not installed; install it: {INSTALL_ENCODERS}'
    head = f'{source.package} {source.version}, {source.usage}'
    return f'{head}: {", ".join(source.names)}'


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _avis_classes(kind: Kind) -> NetworkSource:
    from avis import __version__

    package = importlib.import_module(_PACKAGES[kind])
    modules = [
        module.name for module in pkgutil.iter_modules(package.__path__, package.__name__ + '.')
    ]
    for module in modules:
        importlib.import_module(module)
    names = [name for name, cls in MODELS.module_dict.items() if cls.__module__ in modules]
    return NetworkSource('avis', __version__, 'dict(type=NAME)', tuple(names))


def _mmdet_classes() -> NetworkSource:
    from mmdet.models import backbones

    return NetworkSource('mmdet', _version('mmdet'), 'dict(type=NAME)', tuple(backbones.__all__))


def _transformers_backbones() -> NetworkSource:
    names: tuple[str, ...] = ()
    version = _version('transformers')
    if version is not None:
        from transformers.models.auto.modeling_auto import MODEL_FOR_BACKBONE_MAPPING_NAMES

        names = tuple(set(MODEL_FOR_BACKBONE_MAPPING_NAMES) - {'timm_backbone'})
    return NetworkSource('transformers', version, 'TransformersBackbone of model_type', names)


def _transformers_audio() -> NetworkSource:
    names: tuple[str, ...] = ()
    version = _version('transformers')
    if version is not None:
        from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

        from avis.models.audio_encoders.transformers_families import FAMILIES

        names = tuple(set(FAMILIES) & set(MODEL_MAPPING_NAMES))
    return NetworkSource('transformers', version, 'TransformersAudio of model_type', names)


def _timm_networks() -> NetworkSource:
    version = _version('timm')
    names: tuple[str, ...] = ()
    if version is not None:
        import timm

        names = tuple(timm.list_models())
    return NetworkSource('timm', version, 'TimmBackbone(model=NAME)', names)
