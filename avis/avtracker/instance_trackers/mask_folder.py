"""Instance masks read from PNG files."""

import contextlib
import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from avis.avtracker.instance_trackers.detections import make_detections
from avis.registry import MODELS
from avis.structures.media import FrameDetections, FrameSource

MaskLayout = Literal['person_folders', 'merged']
_NUMBER = re.compile(r'(\d+)$')


@MODELS.register_module()
class MaskFolder:
    """Reads the masks of a video from PNG files whose names end with the frame number.

    Args:
        path: Folder with ``{name}`` for the name of the video, such as
            ``data/AVTrack/Instance_Masks/{name}``.
        layout: ``person_folders``: one folder per object, non-zero pixels are the object.
            ``merged``: one image per frame, each gray value above 0 is an object.
        first_frame: Number of the first frame in the file names.
    """

    def __init__(
        self, *, path: str, layout: MaskLayout = 'person_folders', first_frame: int = 0
    ) -> None:
        if layout not in get_args(MaskLayout):
            raise ValueError(
                f'MaskFolder: expected one of {get_args(MaskLayout)} as layout, got {layout!r}'
            )
        self.path, self.layout, self.first_frame = path, layout, first_frame

    def track(self, frames: FrameSource, *, prompt: str) -> Iterator[tuple[int, FrameDetections]]:
        """See :class:`~avis.avtracker.interfaces.InstanceTracker`; the prompt is not used."""
        folder = self._folder(frames.name)
        if self.layout == 'merged':
            files = self._files_by_frame(folder)
            for frame in range(len(frames)):
                labels = self._read([files.get(frame)], frames.size)[0]
                ids = [int(value) for value in np.unique(labels) if value]
                yield frame, make_detections(ids, [1.0] * len(ids), [labels == i for i in ids])
            return
        objects = [self._files_by_frame(one) for one in sorted(folder.iterdir()) if one.is_dir()]
        for frame in range(len(frames)):
            masks = self._read([files.get(frame) for files in objects], frames.size)
            ids = [i for i, mask in enumerate(masks) if mask.any()]
            yield frame, make_detections(ids, [1.0] * len(ids), [masks[i] != 0 for i in ids])

    def content_key(self, name: str) -> str:
        """A hash that changes with the files of the video."""
        folder = self._folder(name)
        files = sorted(folder.rglob('*.png'))
        rows = [f'{f.relative_to(folder)} {f.stat().st_size} {f.stat().st_mtime_ns}' for f in files]
        return hashlib.sha256('\n'.join(rows).encode()).hexdigest()

    def _folder(self, name: str) -> Path:
        folder = Path(self.path.replace('{name}', name))
        if not folder.is_dir():
            raise FileNotFoundError(
                f'{folder} does not exist: MaskFolder.path has {{name}} for the name of the video'
            )
        return folder

    def _files_by_frame(self, folder: Path) -> dict[int, Path]:
        """The visible files of a folder by frame."""
        found: dict[int, Path] = {}
        for file in sorted(folder.glob('[!.]*.png')):
            number = _NUMBER.search(file.stem)
            if number is None:
                raise ValueError(f'{file}: expected a frame number at the end of the file name')
            frame = int(number.group(1)) - self.first_frame
            if frame in found:
                raise ValueError(
                    f'{file}: expected one file per frame, got also {found[frame].name}'
                )
            found[frame] = file
        return found

    @staticmethod
    def _read(files: Sequence[Path | None], size: tuple[int, int]) -> list[NDArray[np.uint8]]:
        """Gray values (H, W) of files; zeros for a missing file."""
        images = []
        for file in files:
            image = np.zeros(size, np.uint8)
            if file is not None:
                found = None
                with contextlib.suppress(cv2.error):  # too many pixels
                    found = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
                if found is None or found.shape != tuple(size):
                    problem = 'cannot be read' if found is None else f'has size {found.shape}'
                    raise ValueError(f'{file} {problem}, expected a PNG of size {tuple(size)}')
                image = np.asarray(found, np.uint8)
            images.append(image)
        return images
