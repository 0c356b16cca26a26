"""Find the videos that the user names, and say what can be done with each, without torch.

An input is a video file, a folder of frames, a folder of video files, an image with its audio, a
glob pattern, or a YAML list of these. :func:`check_inputs` opens each file, so that a missing or
wrong one is reported before the model is loaded.
"""

import glob
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import yaml

from avis.utils.file_names import natural_key, safe_file_name
from avis.utils.media_files import (
    IMAGE_SUFFIXES,
    VIDEO_SUFFIXES,
    list_folder,
    single_file_options,
)
from avis.utils.shares import share_videos

LIST_SUFFIXES = ('.yml', '.yaml')
_ROW_AUDIO_SUFFIXES = ('.npy', '.pkl')  # audio features, which are no media files
_LIST_KEYS = ('video', 'audio', 'audio_track', 'fps', 'start', 'end', 'expression')


@dataclass(frozen=True)
class VideoInput:
    """A video to predict, and how to read it.

    Attributes:
        path: Video file, folder of frames, or image.
        audio: Audio file; None for the audio of the video file.
        audio_track: Index among the audio streams; None for the default track.
        fps: Frames per second to predict; None for all frames of a file.
        start: Second at which the prediction starts; None for the beginning.
        end: Second at which it ends; None for the end.
        expression: Sentence that names the object to segment, for models that read text.
    """

    path: Path
    audio: Path | None = None
    audio_track: int | None = None
    fps: float | None = None
    start: float | None = None
    end: float | None = None
    expression: str | None = None

    def reading(self) -> dict[str, Any]:
        """Return the arguments of :func:`~avis.apis.video_records.video_record` but the path."""
        return {key: getattr(self, key) for key in _LIST_KEYS[1:]}

    def estimated_frames(self) -> int:
        """Estimate the number of frames from headers, until the file itself is read; at least 1."""
        if self.path.is_dir():
            return max(len(list_folder(self.path).images), 1)
        media = _Media.open(self.path)
        if media.is_image and self.audio is not None:
            media = _Media.open(self.audio)
        end = media.seconds if self.end is None else min(self.end, media.seconds)
        return max(round((end - (self.start or 0.0)) * (self.fps or media.fps)), 1)

    def file_size(self) -> int:
        """Return the bytes of the file, or about those of all frames of a folder; 0 if missing."""
        files = list_folder(self.path).images if self.path.is_dir() else [self.path]
        try:
            return len(files) * files[0].stat().st_size if files else 0
        except OSError:
            return 0


@dataclass
class FoundInputs:
    """What the user named.

    Attributes:
        videos: By name, which is that of the folder of the results.
        skipped: Per folder the entries that are neither frames nor videos.
    """

    videos: dict[str, VideoInput] = field(default_factory=dict)
    skipped: dict[Path, list[Path]] = field(default_factory=dict)


@dataclass
class CheckedInputs:
    """What can be done with the videos, one sentence for each that is not as expected.

    Attributes:
        problems: By name of the videos that cannot be predicted.
        warnings: By name of the videos that can be predicted in part.
    """

    problems: dict[str, str] = field(default_factory=dict)
    warnings: dict[str, str] = field(default_factory=dict)


def find_inputs(inputs: Any, **reading: Any) -> FoundInputs:
    """Find the videos among files, folders, glob patterns and YAML lists.

    A folder with images is one video; in a folder with video files each of these is a video, and as
    many images or fewer are their thumbnails. The entries of a YAML list are paths, or mappings
    with ``video`` and optionally ``audio``, ``audio_track``, ``fps``, ``start``, ``end`` and
    ``expression``; paths are relative to the list.

    Args:
        inputs: One input, or a sequence of them.
        reading: Fields of :class:`VideoInput` for all videos whose list does not state them.

    Raises:
        FileNotFoundError: An input does not exist, or a pattern matches nothing.
        ValueError: A folder contains neither images nor videos, or more images than videos; a list
            has a wrong entry; two videos have the same name; or one audio file is given for
            several.
    """
    given = [inputs] if isinstance(inputs, str | Path) else list(inputs)
    found = FoundInputs()
    for entry in given:
        for video in _expand(Path(entry), found, reading):
            path = video.path
            name = safe_file_name(path.name if path.is_dir() else path.stem)
            if name in found.videos:
                raise ValueError(
                    f'{found.videos[name].path} and {path} have the same name {name!r} and would '
                    f"overwrite each other's results; predict them into different folders"
                )
            found.videos[name] = video
    audio = reading.get('audio')
    if audio is not None and len(found.videos) > 1:
        raise ValueError(
            f'expected one video with audio={str(audio)!r}, got {len(found.videos)}; predict them '
            f'one by one, or list each with its audio in a YAML file'
        )
    return found


def take_shard(found: FoundInputs, shard: int, shards: int) -> FoundInputs:
    """Return the videos of one of several shards, whose files have about the same size in all.

    Processes that share a list need not communicate: given the same inputs, each video is in one
    shard. Sizes stand for lengths, because reading the headers of all files in every process would
    take longer than many of them predict.

    Args:
        found: All videos.
        shard: Number of the shard, 1 to ``shards``.
        shards: Number of shards.
    """
    names = list(found.videos)
    sizes = [found.videos[name].file_size() for name in names]
    own = share_videos(sizes, shards)[shard - 1]
    return FoundInputs({names[index]: found.videos[names[index]] for index in own}, found.skipped)


def _expand(path: Path, found: FoundInputs, reading: Mapping[str, Any]) -> Iterable[VideoInput]:
    """Return the videos of one input."""
    if path.is_file() and path.suffix.lower() in LIST_SUFFIXES:
        return _read_list(path, found, reading)
    if not path.exists() and glob.has_magic(str(path)):
        # Path.glob refuses absolute patterns.
        matches = sorted(glob.glob(str(path), recursive=True), key=natural_key)  # noqa: PTH207
        if not matches:
            raise FileNotFoundError(f'{path} matches no file.')
        return [each for match in matches for each in _expand(Path(match), found, reading)]
    return [VideoInput(each, **reading) for each in _videos_of(path, found)]


def _read_list(path: Path, found: FoundInputs, reading: Mapping[str, Any]) -> list[VideoInput]:
    """Return the videos of a YAML list."""
    try:
        entries = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f'{path}: expected a list in YAML ({error})') from error
    if not isinstance(entries, list) or not entries:
        raise ValueError(f'{path}: expected a list of videos, got {type(entries).__name__}')
    videos: list[VideoInput] = []
    for index, entry in enumerate(entries):
        own = {'video': entry} if isinstance(entry, str) else entry
        if not isinstance(own, dict) or not isinstance(own.get('video'), str):
            raise ValueError(
                f"{path}: [{index}]: expected a path, or a mapping with 'video', got {entry!r:.80}"
            )
        unknown = set(own) - set(_LIST_KEYS)
        if unknown:
            raise ValueError(
                f'{path}: [{index}]: expected keys among {", ".join(_LIST_KEYS)}, got '
                f'{sorted(map(str, unknown))}'
            )
        settings = {**reading, **{key: own[key] for key in _LIST_KEYS[1:] if key in own}}
        if 'audio' in own:
            settings['audio'] = path.parent / str(own['audio'])
        videos += _expand(path.parent / own['video'], found, settings)
    return videos


def _videos_of(path: Path, found: FoundInputs) -> list[Path]:
    """Return the videos that a file or folder is or contains."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise FileNotFoundError(f'{path} does not exist.')
    images, videos, skipped = list_folder(path)
    if len(images) > len(videos) > 0:
        raise ValueError(
            f'{path} contains {len(images)} images, such as {images[0].name}, and {len(videos)} '
            f'videos, such as {videos[0].name}: expected the frames of one video or video files; '
            f'move the others to another folder'
        )
    if images and not videos:
        return [path.resolve()]
    if not videos:
        raise ValueError(
            f'{path} contains neither frames ({", ".join(IMAGE_SUFFIXES)}) nor videos '
            f'({", ".join(VIDEO_SUFFIXES)})'
        )
    if images or skipped:
        found.skipped[path] = [*skipped, *images]
    return videos


def check_inputs(videos: Mapping[str, VideoInput]) -> CheckedInputs:
    """Open the files of videos, and say in one sentence what is possible where something lacks."""
    checked = CheckedInputs()
    for name, video in videos.items():
        problem, warning = _check(video)
        if problem:
            checked.problems[name] = problem
        elif warning:
            checked.warnings[name] = warning
    return checked


def _check(video: VideoInput) -> tuple[str, str]:
    """Return why a video cannot be predicted, or else what the result will lack."""
    path, audio = video.path, video.audio
    if audio is not None and not audio.is_file():
        return f'{audio} does not exist.', ''
    if audio is not None and audio.suffix not in _ROW_AUDIO_SUFFIXES:
        sound = _Media.open(audio)
        if sound.error or not sound.has_audio:
            return f'{audio}: {sound.error or "contains no audio"}.', ''
    if path.is_dir():
        if video.fps is None:
            return f'{path} is a folder of frames: give their frames per second with --fps.', ''
        return '', '' if audio is not None else _silent(path)
    media = _Media.open(path)
    if media.error:
        return f'{path}: {media.error}.', ''
    if media.is_image and audio is None:
        return (
            f'{path} is a single image: give its audio with --audio, and what sounds is marked in '
            f'it for as long as the audio lasts.'
        ), ''
    if not media.is_image and not media.has_video:
        return (
            f'{path} contains audio, but no video: give a video, or an image or a folder of frames '
            f'with this file as --audio.'
        ), ''
    return '', '' if audio is not None or media.has_audio else _silent(path)


def _silent(path: Path) -> str:
    return (
        f'{path} has no audio: it is predicted with silence, in which little or nothing is found; '
        f'give its audio with --audio.'
    )


@dataclass(frozen=True)
class _Media:
    """What a file contains; ``error`` is the rest of a sentence, '' if it is a media file."""

    error: str = ''
    is_image: bool = False
    has_video: bool = False
    has_audio: bool = False
    seconds: float = 0.0
    fps: float = 1.0

    @classmethod
    def open(cls, path: Path) -> '_Media':
        """Read the header of a file."""
        try:
            with av.open(str(path), options=single_file_options()) as container:
                kind = container.format.name
                attached = av.stream.Disposition.attached_pic
                shown = [s for s in container.streams.video if not s.disposition & attached]
                has_audio = bool(container.streams.audio)
                seconds = (container.duration or 0) / av.time_base
                fps = float(shown[0].average_rate or 1) if shown else 1.0
        except (av.error.FFmpegError, UnicodeError, OSError) as error:
            reason = getattr(error, 'strerror', None) or str(error)
            return cls(error=f'cannot be decoded ({reason})')
        if not (shown or has_audio):
            return cls(error='is neither a video nor an image nor audio')
        is_image = kind.endswith('_pipe') or kind == 'image2'
        has_video = bool(shown) and not is_image
        return cls('', is_image, has_video, has_audio, seconds, 1.0 if is_image else fps)


def sentences(checked: CheckedInputs, skipped: Mapping[Path, Sequence[Path]]) -> list[str]:
    """Return everything the user should know before the prediction, one sentence per line."""
    lines = [
        f'{folder}: passed over {len(paths)} entries: {", ".join(path.name for path in paths[:20])}'
        + (', ...' if len(paths) > 20 else '')
        for folder, paths in skipped.items()
    ]
    return [*lines, *checked.problems.values(), *checked.warnings.values()]
