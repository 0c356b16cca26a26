"""YouMVOS: persons over the cuts of popular videos, annotated about six times per second.

Wei et al., *YouMVOS: An Actor-centric Multi-shot Video Object Segmentation Dataset* (CVPR 2022).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from avis.datasets.av_dataset import AVDataset
from avis.registry import DATASETS
from avis.structures.labels import voc_palette
from avis.structures.video_record import VideoRecord
from avis.utils.media_files import find_by_stem
from avis.utils.youmvos_files import SHOTS_FILE, annotated_frame_range, read_names, read_shots

_ID = 11  # characters of a YouTube id


@DATASETS.register_module()
class YouMVOS(AVDataset):
    """Actors with the same id in all shots; frames of shots that are not valid have no labels.

    The audio is not part of the release: it is read from the video files, if there are any.

    Attributes of a record: ``genre``; ``step`` between annotated frames; ``shots``, rows of first
    and last frame of the video and whether the shot is valid; ``no_eval``, whether the video has a
    file ``no_eval.txt``, whose meaning is not documented, so it is not used.

    Args:
        data_root: Folder of the release.
        ann_file: Frame rate, number of frames and size of each video.
        split_file: List of the videos below ``data_root``; by default ``yt_<split>.txt``. There is
            another set of lists, ``iccv_<split>.txt``.
        video_dir: Folder of ``<video>.mp4`` or the like below ``data_root``; None without audio.
        kwargs: Arguments of :class:`~avis.datasets.av_dataset.AVDataset`.
    """

    METAINFO: ClassVar[dict[str, Any]] = {
        'classes': ('person',),
        'palette': voc_palette(2)[1:].tolist(),
    }
    PUBLISHED: ClassVar[dict[str, int]] = {'train': 150, 'val': 20, 'test': 30}
    PUBLISHED_NOTE: ClassVar[str] = 'These are the lists yt_*.txt; iccv_*.txt have 140, 30 and 30.'
    LAYOUT: ClassVar[str] = f"""\
  yt_{{train,val,test}}.txt               names of the videos, <genre>_<YouTube id>
  info/video.json                       fps, num_frame and size of each video
  JPEGImages/<video>/%05d.jpg           frame of the video, from 1
  Annotations/<video>/%05d.png          index of the person
  Annotations/<video>/{SHOTS_FILE}          first frame, last frame, (step,) flag
  videos/<video>.mp4                    if video_dir is set"""

    def __init__(
        self,
        *,
        split: str,
        data_root: str = 'data/YouMVOS',
        ann_file: str = 'info/video.json',
        split_file: str | None = None,
        video_dir: str | None = 'videos',
        **kwargs: Any,
    ) -> None:
        self.split_file = split_file or f'yt_{split}.txt'
        self.video_dir = video_dir
        super().__init__(split=split, data_root=data_root, ann_file=ann_file, **kwargs)

    def load_data_list(self) -> list[VideoRecord]:
        """Read the list, the properties of its videos, and their shots."""
        self.require('JPEGImages', 'Annotations', self.split_file, self.video_dir or '')
        root = Path(self.data_root)
        infos = json.loads(Path(self.ann_file).read_text())
        videos = find_by_stem(root / self.video_dir)[0] if self.video_dir else {}
        records = []
        for name in read_names(root / self.split_file):
            info = infos.get(name, {})
            missing = [key for key in ('fps', 'num_frame', 'size') if not info.get(key)]
            if missing:
                raise ValueError(
                    f'{self.ann_file}: video {name!r} of {self.split_file}: expected fps, '
                    f'num_frame and size, missing {missing}. Fetch both files again.'
                )
            video = videos.get(name)
            records.append(self._to_record(name, info, None if video is None else str(video)))
        return records

    def annotation_files(self) -> list[Path]:
        """The list, the properties and the shots."""
        root = Path(self.data_root)
        shots = sorted((root / 'Annotations').glob(f'*/{SHOTS_FILE}'))
        return [Path(self.ann_file), root / self.split_file, *shots]

    def notes(self) -> list[str]:
        """Videos without audio, without shots, or with a file that is not used."""
        records = [self.record(index) for index in range(len(self))]
        counts = {
            'Videos without a file to read audio from': sum(r['audio'] is None for r in records),
            f'Videos without {SHOTS_FILE}, all of whose frames count': sum(
                not r['attributes']['shots'] for r in records
            ),
            'Videos with a file no_eval.txt, which is not used': sum(
                r['attributes']['no_eval'] for r in records
            ),
        }
        return [f'{text}: {count}.' for text, count in counts.items() if count]

    def _to_record(self, name: str, info: Mapping[str, Any], video: str | None) -> VideoRecord:
        images, labels = (
            Path(self.data_root, folder, name) for folder in ('JPEGImages', 'Annotations')
        )
        file = labels / SHOTS_FILE
        shots = read_shots(file) if file.is_file() else None
        frames = annotated_frame_range(info, shots, name)
        if len(frames) > 1 and not (images / f'{frames[-1] + 1:05d}.jpg').is_file():
            frames = frames[:-1]  # the release may lack the last one
        valid = shots.valid(frames) if shots else [True] * len(frames)
        return VideoRecord(
            video_id=name,
            video_name=name,
            frames=[str(images / f'{frame + 1:05d}.jpg') for frame in frames],
            audio=video,
            fps=info['fps'] / frames.step,
            length=len(frames),
            height=info['size'][0],
            width=info['size'][1],
            instance_maps=[
                str(labels / f'{frame + 1:05d}.png') if is_valid else None
                for frame, is_valid in zip(frames, valid, strict=True)
            ],
            attributes={
                'genre': name[: -_ID - 1],
                'step': frames.step,
                'shots': [list(shot) for shot in shots.shots] if shots else [],
                'no_eval': (labels / 'no_eval.txt').is_file(),
            },
        )
