"""J-HMDB Sentences: a sentence names the actor to segment in one frame of a short video.

Gavrilyuk et al., *Actor and Action Video Segmentation from a Sentence* (CVPR 2018,
arXiv:1803.07485). All videos are for testing: the models are trained on A2D Sentences. The frames
are those of the list that MTTR published; other frames give other scores.
"""

import json
from pathlib import Path
from typing import Any, ClassVar

from avis.datasets.av_dataset import AVDataset
from avis.registry import DATASETS
from avis.structures.labels import REFERRING_METAINFO
from avis.structures.video_record import MatMask, VideoRecord

_ROOT = './jhmdb_sentences/'  # the paths of the list begin with it
_SUFFIX = '.png'


@DATASETS.register_module()
class JHMDBSentences(AVDataset):
    """One sample per chosen frame: the clip around it, the sentence, and the mask of the frame.

    ``video_id`` is ``v_<video>_f_<frame>``, as in the results of the official scorers. Frames
    without a mask in the file are never read: the clip ends with the last frame that has one.

    Args:
        window: Frames of a clip; the chosen one is at index ``window // 2``. Frames before the
            first and after the last one are copies of these. MTTR uses 8 or 10.
        kwargs: Arguments of :class:`~avis.datasets.av_dataset.AVDataset`.
    """

    METAINFO: ClassVar[dict[str, Any]] = REFERRING_METAINFO
    SPLITS: ClassVar[tuple[str, ...]] = ('test',)
    PUBLISHED: ClassVar[dict[str, int]] = {'test': 2784}
    PUBLISHED_NOTE: ClassVar[str] = 'These are three frames of each of 928 videos.'
    LAYOUT: ClassVar[str] = """\
  jhmdb_sentences_samples_metadata.json     [[video, frame, masks, frames with mask, sentence], ...]
  Rename_Images/<action>/<video>/{00001..}.png
  puppet_mask/<action>/<video>/puppet_mask.mat      part_mask, (H, W, T)"""

    def __init__(
        self,
        *,
        split: str = 'test',
        data_root: str = 'data/jhmdb_sentences',
        ann_file: str = 'jhmdb_sentences_samples_metadata.json',
        window: int = 8,
        **kwargs: Any,
    ) -> None:
        if window < 1:
            raise ValueError(f'JHMDBSentences: window must be at least 1, got {window}')
        self.window = window
        super().__init__(split=split, data_root=data_root, ann_file=ann_file, **kwargs)

    def load_data_list(self) -> list[VideoRecord]:
        """Read the list of frames."""
        self.require('Rename_Images', 'puppet_mask')
        try:
            rows = json.loads(Path(self.ann_file).read_bytes())
        except ValueError as error:
            raise ValueError(f'{self.ann_file}: expected JSON, got {error}.') from error
        if not isinstance(rows, list) or not rows:
            raise ValueError(f'{self.ann_file}: expected a list of samples, got {str(rows)[:80]}')
        return [self._to_record(index, row) for index, row in enumerate(rows)]

    def notes(self) -> list[str]:
        """The number of videos behind the samples."""
        videos = {self.record(index)['video_name'] for index in range(len(self))}
        return [f'{len(self)} frames of {len(videos)} videos; published are 928 videos.']

    def _to_record(self, index: int, row: Any) -> VideoRecord:
        kinds = (str, str, str, int, str)
        if not isinstance(row, list) or [type(cell) for cell in row] != [*kinds]:
            raise ValueError(
                f'{self.ann_file}: [{index}]: expected [video, frame, masks, frames with mask, '
                f'sentence], got {row}. Fetch the file again.'
            )
        video, frame, masks, frames, sentence = row
        image = Path(frame.removeprefix(_ROOT))
        number = int(image.stem) if image.stem.isdigit() else 0
        if not 1 <= number <= frames or not sentence.strip():
            raise ValueError(
                f'{self.ann_file}: [{index}]: expected a frame from 1 to {frames} and a sentence, '
                f'got {frame!r} and {sentence!r}. Fetch the file again.'
            )
        first = number - self.window // 2
        numbers = [min(max(first + k, 1), frames) for k in range(self.window)]
        folder = Path(self.data_root) / image.parent
        mask = MatMask(mat=str(Path(self.data_root) / masks.removeprefix(_ROOT)), frame=number - 1)
        return VideoRecord(
            video_id=f'v_{video}_f_{number}',
            video_name=video,
            frames=[f'{folder / f"{n:05d}"}{_SUFFIX}' for n in numbers],
            audio=None,
            fps=30.0,
            length=self.window,
            height=0,  # the annotations do not state the size
            width=0,
            label_maps=[mask if k == self.window // 2 else None for k in range(self.window)],
            expression=sentence,
            attributes={'action': image.parent.parent.name, 'frame': number},
        )
