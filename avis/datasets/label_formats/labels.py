"""Labels of instances in videos, between the formats of annotation tools and those of avis."""

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from pycocotools import mask as coco_mask

from avis.structures.masks import RLE, rle_area, to_rle

_NUMBER = re.compile(r'(\d+)$')


@dataclass
class LabeledTrack:
    """One instance: a class, and a mask per frame in which it is labeled.

    Attributes:
        id: Id of the instance, unique in the video.
        category: Name of the class.
        masks: Masks by number of the frame.
    """

    id: int
    category: str
    masks: dict[int, RLE] = field(default_factory=dict)


@dataclass
class LabeledVideo:
    """The labels of one video.

    Attributes:
        name: Name of the video.
        height: Height of a frame in pixels.
        width: Width of a frame in pixels.
        frames: File name of each known frame by its number, below the folder of the video.
        tracks: Its instances.
        of_video_file: Whether the numbers count the frames of a video file instead of images.
    """

    name: str
    height: int
    width: int
    frames: dict[int, str] = field(default_factory=dict)
    tracks: list[LabeledTrack] = field(default_factory=list)
    of_video_file: bool = False

    @property
    def length(self) -> int:
        """Number of frames up to the last known or labeled one."""
        labeled = (frame for track in self.tracks for frame in track.masks)
        return max([*self.frames, *labeled], default=-1) + 1

    def frame_name(self, frame: int) -> str:
        """Return the file name of a frame, ``%05d.jpg`` of an unknown one."""
        return self.frames.get(frame, f'{frame:05d}.jpg')


class TrackBuilder:
    """Collects the shapes of a video, and joins those of one instance.

    Args:
        video: The video.
        path: The file with the labels, for messages.
    """

    def __init__(self, video: LabeledVideo, path: Path) -> None:
        self.video, self.path = video, path
        self._shapes: dict[tuple[str, Hashable], dict[int, list[RLE]]] = defaultdict(
            lambda: defaultdict(list)
        )

    def add(
        self, category: str, instance: Hashable, frame: int, segmentation: Any, location: str
    ) -> None:
        """Add a shape.

        Args:
            category: Name of its class.
            instance: Key of its instance; None: all such shapes of a class are one instance.
            frame: Number of the frame.
            segmentation: Polygons or RLE, see :func:`~avis.structures.masks.to_rle`.
            location: Where it is in the file, for messages.

        Raises:
            ValueError: The segmentation is invalid.
        """
        try:
            rle = to_rle(segmentation, self.video.height, self.video.width)
        except ValueError as error:
            raise label_error(self.path, location, str(error)) from error
        self._shapes[category, instance][frame].append(rle)

    def finish(self) -> LabeledVideo:
        """Return the video with its tracks, in the order of their ids.

        Instances with different integers from 1 on have these as ids; otherwise ids count from 1
        in the order of the first shapes.
        """
        keys = [instance for _, instance in self._shapes]
        is_id = [isinstance(key, int) and key > 0 for key in keys]
        if not all(is_id) or len(set(keys)) < len(keys):
            keys = list(range(1, len(keys) + 1))
        for number, ((category, _), shapes) in zip(keys, self._shapes.items(), strict=True):
            assert isinstance(number, int)
            masks = {frame: merge_masks(parts) for frame, parts in sorted(shapes.items())}
            masks = {frame: mask for frame, mask in masks.items() if rle_area(mask)}
            self.video.tracks.append(LabeledTrack(number, category, masks))
        self.video.tracks.sort(key=lambda track: track.id)
        return self.video


def merge_masks(parts: Sequence[RLE]) -> RLE:
    """Return the union of masks of one size."""
    merged: RLE = parts[0] if len(parts) == 1 else coco_mask.merge(list(parts))
    return merged


def label_error(path: str | Path, location: str, problem: str) -> ValueError:
    """Return the error for a location in a file with labels."""
    return ValueError(f'{path}: {location}: {problem}. Correct the label, or export it again.')


def frame_of_name(name: str, path: str | Path) -> int:
    """Return the number at the end of the name of a frame.

    Raises:
        ValueError: It does not end with a number.

    >>> frame_of_name('concert/frame_00012.jpg', 'labels.json')
    12
    """
    found = _NUMBER.search(PurePosixPath(name).stem)
    if found is None:
        raise label_error(path, name, 'expected a name that ends with the number of the frame')
    return int(found[1])


def video_of(name: str, path: str | Path) -> str:
    """Return the video of a frame: its folder, or else the name of the file with the labels."""
    folder = PurePosixPath(name.replace('\\', '/')).parent.name
    return folder or Path(path).stem


def label_classes(videos: Iterable[LabeledVideo]) -> list[str]:
    """Return the names of all classes, sorted."""
    return sorted({track.category for video in videos for track in video.tracks})
