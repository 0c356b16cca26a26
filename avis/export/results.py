"""``results.json``: everything found in one video, as one object with a version of its schema.

:class:`ResultsFile` is the schema. What follows from other fields (``segments``, ``times``,
``boxes``) is written for other programs, and not read back. A field that is added keeps
:data:`SCHEMA_VERSION`; one that is removed or changed raises it.
"""

import contextlib
import functools
import json
import platform
import re
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path, PurePath
from typing import Annotated, Any, NoReturn, TypeVar

import msgspec
import numpy as np
from msgspec import Meta

from avis.export.names import speaker_name
from avis.export.registry import register_export
from avis.export.segments import video_segments
from avis.structures.mask_track import MaskTrack
from avis.structures.masks import rle_to_json, to_rle, to_rles
from avis.structures.media_time import frame_time
from avis.structures.video_result import TrackResult, Utterance, VideoResult
from avis.utils.atomic import atomic_path
from avis.utils.json_stream import JsonStream
from avis.utils.text_files import looks_like
from avis.utils.vis_format import show

SCHEMA_VERSION = 1
RESULTS_FILE = 'results.json'

_PACKAGES = ('avis', 'numpy', 'pycocotools', 'av', 'torch', 'mmengine', 'mmdet')
_Count = Annotated[int, Meta(ge=0)]
_Side = Annotated[int, Meta(ge=1, le=65535)]
_Box = tuple[float, float, float, float]
_Content = TypeVar('_Content')


class VideoEntry(msgspec.Struct):
    """``video``: its name, frames per second, number of frames, and size of a frame in pixels."""

    name: str
    fps: Annotated[float, Meta(gt=0)]
    length: _Count
    height: _Side
    width: _Side


class TrackEntry(msgspec.Struct, rename={'class_name': 'class'}):
    """An entry of ``tracks``; the lists have one entry per frame."""

    id: Annotated[int, Meta(ge=1)]
    name: str
    label: int
    class_name: str | None
    score: float
    sounding: list[bool]
    boxes: list[_Box | None]
    segmentations: list[dict[str, Any] | None]


class SegmentEntry(msgspec.Struct):
    """An entry of ``segments``: seconds in which a track makes a sound."""

    start: float
    end: float
    track_id: int
    speaker: str
    confidence: float


class UtteranceEntry(msgspec.Struct):
    """An entry of ``utterances``: recognized speech."""

    start: float
    end: float
    text: str
    track_id: int | None


class ResultsFile(msgspec.Struct):
    """The schema of ``results.json``."""

    schema_version: int
    video: VideoEntry
    settings: dict[str, Any]
    versions: dict[str, str]
    warnings: list[str]
    segments: list[SegmentEntry]
    utterances: list[UtteranceEntry]
    times: list[float]
    tracks: list[TrackEntry]


class _Head(msgspec.Struct):
    schema_version: Any = None
    settings: dict[str, Any] = {}


@register_export('results')
def write_results(folder: Path, result: VideoResult) -> Path:
    """Write ``results.json``; masks are COCO RLEs.

    It is written in parts: the masks of an hour take more memory as JSON than as RLEs.

    Returns:
        Path of the file.
    """
    content = ResultsFile(
        schema_version=SCHEMA_VERSION,
        video=VideoEntry(result.name, result.fps, result.length, result.height, result.width),
        settings=result.settings,
        versions=_versions(),
        warnings=result.warnings,
        segments=[
            SegmentEntry(segment.start, segment.end, track.id, speaker_name(track), track.score)
            for track, segment in video_segments(result)
        ],
        utterances=[UtteranceEntry(u.start, u.end, u.text, u.track_id) for u in result.utterances],
        times=frame_time(np.arange(result.length), result.fps).tolist(),
        tracks=[],
    )
    path = Path(folder) / RESULTS_FILE
    with atomic_path(path) as part, part.open('wb') as file:
        file.writelines(_with_list(content, map(_track_parts, result.tracks)))
    return path


def read_results(path: str | Path) -> VideoResult:
    """Read a ``results.json``.

    Args:
        path: The file, or its folder.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It is not such a file, has another version of the schema, or a field is missing
            or wrong; the message is one line with file and field.
    """
    path = _file(path)
    content = _decode(path, ResultsFile)
    video = content.video
    tracks: list[TrackResult] = []
    for index, entry in enumerate(content.tracks):
        where = f'{path}: tracks[{index}]'
        if entry.id in [track.id for track in tracks]:
            raise ValueError(f'{where}.id: expected an id of its own, got {entry.id} twice')
        tracks.append(_track(entry, video, where))
    known = {track.id for track in tracks}
    for index, utterance in enumerate(content.utterances):
        if utterance.track_id is not None and utterance.track_id not in known:
            raise ValueError(
                f'{path}: utterances[{index}].track_id: expected the id of a track or null, got '
                f'{utterance.track_id}'
            )
    return VideoResult(
        name=video.name,
        fps=video.fps,
        length=video.length,
        height=video.height,
        width=video.width,
        tracks=tracks,
        utterances=[Utterance(u.start, u.end, u.text, u.track_id) for u in content.utterances],
        settings=content.settings,
        warnings=content.warnings,
    )


def read_settings(path: str | Path) -> dict[str, Any]:
    """Read the settings of a ``results.json`` without its masks.

    Args:
        path: The file, or its folder.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It is not such a file, or has another version of the schema.
    """
    path = _file(path)
    head: dict[str | None, Any] = {}
    # Where the settings precede the masks, as they do in the files of avis, these are not read.
    with contextlib.suppress(ValueError), JsonStream(path) as stream:
        for element in stream.elements():
            if element.number is None:
                head[element.key] = element.value
            if 'schema_version' in head and 'settings' in head:
                break
    settings = head.get('settings')
    if head.get('schema_version') == SCHEMA_VERSION and isinstance(settings, dict):
        return settings
    return _decode(path, _Head).settings


def _with_list(content: msgspec.Struct, entries: Iterable[Iterable[bytes]]) -> Iterator[bytes]:
    """The JSON of an object whose last field is an empty list, with the entries of that list."""
    yield _encode(content).removesuffix(b']}')
    for number, entry in enumerate(entries):
        if number:
            yield b','
        yield from entry
    yield b']}'


def _track_parts(track: TrackResult) -> Iterator[bytes]:
    """The JSON of a track."""
    boxes = track.masks.boxes.astype(np.int64).tolist()
    entry = TrackEntry(
        id=track.id,
        name=track.name,
        label=track.label,
        class_name=track.class_name,
        score=track.score,
        sounding=track.sounding.tolist(),
        boxes=[box if seen else None for box, seen in zip(boxes, track.visible, strict=True)],
        segmentations=[],
    )
    return _with_list(entry, ([_encode(rle_to_json(rle))] for rle in track.masks.rles))


def _track(entry: TrackEntry, video: VideoEntry, where: str) -> TrackResult:
    for name in ('segmentations', 'sounding', 'boxes'):
        length = len(getattr(entry, name))
        if length != video.length:
            raise ValueError(
                f'{where}.{name}: expected {video.length} entries, one per frame, got {length}'
            )
    try:
        rles = to_rles(entry.segmentations, video.height, video.width)
    except ValueError:
        for frame, value in enumerate(entry.segmentations):
            _check_mask(value, video, f'{where}.segmentations[{frame}]')
        raise
    return _named(where, entry, MaskTrack(video.height, video.width, rles))


def _check_mask(value: dict[str, Any] | None, video: VideoEntry, where: str) -> None:
    try:
        if value is not None:
            to_rle(value, video.height, video.width)
    except ValueError as error:
        raise ValueError(f'{where}: {error}') from error


def _named(where: str, entry: TrackEntry, masks: MaskTrack) -> TrackResult:
    try:
        return TrackResult(
            id=entry.id,
            name=entry.name,
            masks=masks,
            sounding=np.array(entry.sounding, bool),
            label=entry.label,
            class_name=entry.class_name,
            score=entry.score,
        )
    except ValueError as error:
        raise ValueError(f'{where}.sounding: {error}') from error


@functools.cache
def _versions() -> dict[str, str]:
    """Versions of Python and of the packages on which a result depends, if installed."""
    versions = {'python': platform.python_version()}
    for name in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def _encode(content: Any) -> bytes:
    try:
        return msgspec.json.encode(content, enc_hook=_plain)
    except UnicodeEncodeError:  # the name of a file that is not UTF-8: escaped
        return json.dumps(msgspec.to_builtins(content, enc_hook=_plain)).encode()


def _plain(value: Any) -> Any:
    """A number of NumPy as one of Python; the paths of ``settings`` as text."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f'{RESULTS_FILE}: expected JSON values, got {value!r:.80}')


def _file(path: str | Path) -> Path:
    path = Path(path)
    if path.is_dir():
        path = path / RESULTS_FILE
    if not path.exists():
        raise FileNotFoundError(f'{path} does not exist.')
    if not path.is_file():
        raise ValueError(f'{path}: expected a file, got a folder or a pipe')
    return path


def _decode(path: Path, kind: type[_Content]) -> _Content:
    """Read a file as ``_Head`` or ``ResultsFile``."""
    data = path.read_bytes()
    try:
        head = _convert(data, _Head)
        if head.schema_version == SCHEMA_VERSION:
            return head if isinstance(head, kind) else _convert(data, kind)
        found = 'none' if head.schema_version is None else show(head.schema_version)
        problem = (
            f'schema_version: expected {SCHEMA_VERSION}, got {found}; predict the video again, or '
            f'read the file with the version of avis that wrote it'
        )
    except (ValueError, RecursionError) as error:
        problem = _problem(data, error)
    raise ValueError(f'{path}: {problem}')


def _convert(data: bytes, kind: type[_Content]) -> _Content:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:  # it refuses escaped bytes that are not UTF-8
        return msgspec.convert(json.loads(data, parse_constant=_no_number), kind)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f'{text} is no number of JSON')


def _problem(data: bytes, error: Exception) -> str:
    """Name the field that msgspec refused, and its value; or say what the file is instead."""
    try:
        value = json.loads(data, parse_constant=_no_number)
    except (ValueError, RecursionError) as reason:
        found = looks_like(data) or f'text that is not JSON: {reason}'
        return f'expected a {RESULTS_FILE} of avis, got {found}'
    text, _, where = str(error).partition(' - at `$')
    where = where.rstrip('`').lstrip('.')
    missing = re.fullmatch(r'Object missing required field `(.*)`', text)
    if missing:
        return f'{where}.{missing[1]} is missing'.lstrip('.')
    for key, index in re.findall(r'([^.\[\]]+)|\[(\d+)\]', where.replace('[...]', '')):
        value = value[key] if key else value[int(index)]
    expected = text.partition(', got ')[0].replace('`', '').replace('Expected', 'expected')
    return f'{where}: {expected}, got {show(value)}'.removeprefix(': ')
