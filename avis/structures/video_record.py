"""What a data set class says of one video: the first station of the way of the data."""

from collections.abc import Sequence
from typing import Any, TypeAlias, TypedDict

from avis.structures.masks import RLE

Polygons: TypeAlias = list[list[float]]


class PngMask(TypedDict):
    """A mask stored as one gray value of an image: ``png`` is its path, ``value`` the gray level.

    ``value`` None means every non-zero pixel.
    """

    png: str
    value: int | None


class _TrackKeys(TypedDict):
    id: int
    label: int
    masks: Sequence[RLE | Polygons | PngMask | None]


class Track(_TrackKeys, total=False):
    """One instance over a video: the same ``id`` in every frame, ``masks[t]`` None when absent.

    Attributes:
        id: Identity, unique in the video.
        label: Class index.
        masks: T masks; a list, or a :class:`~avis.structures.packed_masks.PackedMasks`.
        crowd: True for a region of many; no prediction of it is wrong, and it is no target.
        area: Mean area in pixels that the annotations state, None if they do not.
        attributes: What else the annotations say of it.
    """

    crowd: bool
    area: float | None
    attributes: dict[str, Any]


class _RequiredKeys(TypedDict):
    video_id: int | str
    video_name: str
    frames: list[str] | str
    audio: str | None
    fps: float
    length: int
    height: int
    width: int


class VideoRecord(_RequiredKeys, total=False):
    """One video of a data set, with paths instead of pixels and sound.

    Attributes:
        video_id: Id in the annotation file.
        video_name: Folder or file name of the video.
        frames: Paths of T images, or the path of one video file.
        audio: Path of a sound file or of the video itself; None without sound.
        fps: Annotated frames per second (not those of the video file).
        length: T, the number of annotated frames.
        height: Height of a frame in pixels; 0 if the annotation does not tell.
        width: Width of a frame in pixels; 0 if the annotation does not tell.
        features: Path of precomputed audio features, one row per frame.
        tracks: Instances of the video (instance tasks).
        instance_maps: One gray image per frame whose levels other than 0 are the ids of the
            instances, None where the truth of a frame is unknown; instead of ``tracks``.
        label_maps: One path per frame, None where a frame carries no label (semantic tasks).
        attributes: What the data set says of the video; unknown annotation keys are kept here.
    """

    features: str | None
    tracks: list[Track]
    instance_maps: list[str | None]
    label_maps: list[str | None]
    attributes: dict[str, Any]
