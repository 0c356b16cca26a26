"""AVA-AVD: who speaks when in movies, with the face tracks of AVA-ActiveSpeaker.

Xu et al., *AVA-AVD: Audio-Visual Speaker Diarization in the Wild* (ACM Multimedia 2022,
arXiv:2111.14448). One record is a part of about five minutes of a movie.
"""

import math
from pathlib import Path
from typing import Any, ClassVar

from avis.datasets.av_dataset import AVDataset
from avis.datasets.vis import log_warnings
from avis.registry import DATASETS
from avis.structures.media_time import num_frames
from avis.structures.video_record import VideoRecord
from avis.utils.media_files import find_by_stem
from avis.utils.rttm import SpeakerTurn, parse_rttm
from avis.utils.text_files import read_text_file

_PART = '_c_'  # between the name of the video and the number of the part


@DATASETS.register_module()
class AVAAVD(AVDataset):
    """Parts of movies; ``attributes`` has their ``turns`` and, from the lab files, ``speech``.

    A part lasts from the first to the last turn. All times are seconds of the movie, in which the
    first one starts at about 900 s; the record starts there too, so that models and their results
    count from the ``start`` of the part.

    Args:
        split: 'train', 'val' or 'test'.
        data_root: Folder ``dataset`` of the release.
        ann_file: List of the parts, by default ``split/<split>.list``.
        fps: Frames per second at which the videos are read.
        kwargs: Arguments of :class:`~avis.datasets.av_dataset.AVDataset`.
    """

    METAINFO: ClassVar[dict[str, Any]] = {'classes': ('person',)}
    PUBLISHED: ClassVar[dict[str, int]] = {'train': 243, 'val': 54, 'test': 54}
    LAYOUT: ClassVar[str] = """\
  split/{train,val,test}.list               names of parts, <video>_c_{01,02,03}
  rttms/<part>.rttm                         turns of speakers
  labs/<part>.lab                           regions with speech (may be missing)
  tracks/<video>-activespeaker.csv          for AVAActiveSpeaker(ann_file='tracks', faces='videos')
  videos/<video>.{mp4,mkv,...}"""

    def __init__(
        self,
        *,
        split: str,
        data_root: str = 'data/AVA-AVD/dataset',
        ann_file: str | None = None,
        fps: float = 25.0,
        **kwargs: Any,
    ) -> None:
        if not fps > 0:
            raise ValueError(f'AVAAVD: expected fps above 0, got {fps}')
        self.fps = fps
        ann_file = f'split/{split}.list' if ann_file is None else ann_file
        super().__init__(split=split, data_root=data_root, ann_file=ann_file, **kwargs)

    def load_data_list(self) -> list[VideoRecord]:
        """Read the list and the files of each part."""
        self.require('rttms', 'videos')
        root = Path(self.data_root)
        videos, second = find_by_stem(root / 'videos')
        warnings = {'second file of a video, not used': [str(path) for path in second]}
        log_warnings(warnings if second else {}, f'AVAAVD ({self.split})')
        names = read_text_file(self.ann_file).split()
        wrong = [name for name in names if _PART not in name]
        if wrong:
            raise ValueError(
                f'{self.ann_file}: expected names of parts such as <video>_c_01, got {wrong[0]!r}. '
                f'Fetch the file again.'
            )
        return [self._to_record(name, videos) for name in names]

    def annotation_files(self) -> list[Path]:
        """The list, the turns and the speech of each part."""
        root = Path(self.data_root)
        return [Path(self.ann_file), root / 'rttms', root / 'labs']

    def unlisted_videos(self) -> list[str]:
        """Parts with turns that no list contains."""
        folder = Path(self.data_root)
        listed = {name for file in folder.glob('split/*.list') for name in file.read_text().split()}
        return sorted({path.stem for path in folder.glob('rttms/*.rttm')} - listed)

    def _to_record(self, name: str, videos: dict[str, Path]) -> VideoRecord:
        root, video = Path(self.data_root), name.rsplit(_PART, 1)[0]
        turns = _read_turns(root / 'rttms' / f'{name}.rttm')
        start, end = min(turn.start for turn in turns), max(turn.end for turn in turns)
        path = str(videos.get(video, root / 'videos' / f'{video}.mp4'))
        lab = root / 'labs' / f'{name}.lab'
        attributes: dict[str, Any] = {'turns': [tuple(turn[1:]) for turn in turns]}
        if lab.is_file():
            attributes['speech'] = _read_lab(lab)
        return VideoRecord(
            video_id=name,
            video_name=name,
            frames=path,
            audio=path,
            fps=self.fps,
            length=num_frames(end - start, self.fps),
            height=0,  # the annotations do not state the size
            width=0,
            start=start,
            attributes=attributes,
        )


def _read_turns(path: Path) -> list[SpeakerTurn]:
    if not path.is_file():
        raise FileNotFoundError(f'AVAAVD: {path} does not exist, but its part is listed')
    try:
        turns = parse_rttm(read_text_file(path))
    except ValueError as error:
        raise ValueError(f'{path}: {str(error).removeprefix(f"{path}: ")}') from error
    recordings = sorted({turn.recording for turn in turns})
    if len(recordings) != 1:
        raise ValueError(
            f'{path}: expected the turns of one recording, got {recordings}. Fetch it again.'
        )
    return turns


def _read_lab(path: Path) -> list[tuple[float, float]]:
    """Starts and ends of the regions with speech: the first two values of each line."""
    regions = []
    for number, line in enumerate(read_text_file(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            start, end = (float(value) for value in line.split()[:2])
        except ValueError:
            start, end = math.nan, math.nan
        if not start <= end < math.inf:
            raise ValueError(
                f'{path}: line {number}: expected start and end in seconds, got {line!r}. Correct '
                f'the line.'
            )
        regions.append((start, end))
    return regions
