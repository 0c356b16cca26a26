"""Images of COCO as videos of one frame, for training on data sets of videos.

Lin et al., *Microsoft COCO: Common Objects in Context* (ECCV 2014).
"""

import json
from pathlib import Path
from typing import Any, ClassVar

from avis.datasets.av_dataset import AVDataset
from avis.registry import DATASETS
from avis.structures.video_record import Track, VideoRecord

# Category id of YouTube-VIS or OVIS for category ids of COCO. Source: the training code of VITA
# (Heo et al., NeurIPS 2022), which LBVQ and CAVIS share.
COCO_CATEGORIES: dict[str, dict[int, int]] = {
    '2019': {
        1: 1, 2: 21, 3: 6, 4: 21, 5: 28, 7: 17, 8: 29, 9: 34, 17: 14, 18: 8, 19: 18, 21: 15,
        22: 32, 23: 20, 24: 30, 25: 22, 35: 33, 36: 33, 41: 5, 42: 27, 43: 40,
    },
    '2021': {
        1: 26, 2: 23, 3: 5, 4: 23, 5: 1, 7: 36, 8: 37, 9: 4, 16: 3, 17: 6, 18: 9, 19: 19,
        21: 7, 22: 12, 23: 2, 24: 40, 25: 18, 34: 14, 35: 31, 36: 31, 41: 29, 42: 33, 43: 34,
    },
    'ovis': {
        1: 1, 2: 21, 3: 25, 4: 22, 5: 23, 6: 25, 8: 25, 9: 24, 17: 3, 18: 4, 19: 5, 20: 6,
        21: 7, 22: 8, 23: 9, 24: 10, 25: 11,
    },
}  # fmt: skip


@DATASETS.register_module()
class CocoClips(AVDataset):
    """Images of COCO with the classes of YouTube-VIS or OVIS, each a video of one frame.

    A clip contains the frame as often as its pipeline samples it;
    :class:`~avis.datasets.transforms.rotation.RandomRotation` and
    :class:`~avis.datasets.transforms.moving_crop.RandomMovingCrop` move it. Objects of classes that
    the other data set lacks, crowds, and images without any object are left out.

    Args:
        version: Whose classes: '2019', '2021' or 'ovis', see :class:`YouTubeVIS`.
        split: Only 'train'.
        data_root: Folder of COCO.
        ann_file: Annotation file below ``data_root``.
        image_dir: Folder of the images below ``data_root``.
        kwargs: Arguments of :class:`~avis.datasets.av_dataset.AVDataset`.
    """

    SPLITS: ClassVar[tuple[str, ...]] = ('train',)
    LAYOUT: ClassVar[str] = """\
  annotations/instances_train2017.json
  train2017/<image>.jpg"""

    def __init__(
        self,
        *,
        version: str,
        split: str = 'train',
        data_root: str = 'data/coco',
        ann_file: str = 'annotations/instances_train2017.json',
        image_dir: str = 'train2017',
        **kwargs: Any,
    ) -> None:
        if version not in COCO_CATEGORIES:
            raise ValueError(
                f'CocoClips: expected version to be one of {list(COCO_CATEGORIES)}, got {version!r}'
            )
        self.version = version
        self.image_dir = image_dir
        super().__init__(split=split, data_root=data_root, ann_file=ann_file, **kwargs)

    def load_data_list(self) -> list[VideoRecord]:
        """Read the annotation file."""
        self.require(self.image_dir)
        try:
            content = json.loads(Path(self.ann_file).read_text())
            tracks = self._tracks(content['annotations'])
            images = [image for image in content['images'] if image['id'] in tracks]
            return [self._record(image, tracks[image['id']]) for image in images]
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f'{self.ann_file}: expected annotations of instances in the format of COCO, got '
                f'{type(error).__name__}: {error}. Fetch the file again.'
            ) from error

    def _tracks(self, annotations: list[dict[str, Any]]) -> dict[int, list[Track]]:
        """The objects of the chosen classes by image."""
        categories = COCO_CATEGORIES[self.version]
        tracks: dict[int, list[Track]] = {}
        for entry in annotations:
            if entry['category_id'] in categories and not entry.get('iscrowd', 0):
                # The files of the videos number their categories from 1, in order.
                label = categories[entry['category_id']] - 1
                track = Track(id=entry['id'], label=label, masks=[entry['segmentation']])
                tracks.setdefault(entry['image_id'], []).append(track)
        return tracks

    def _record(self, image: dict[str, Any], tracks: list[Track]) -> VideoRecord:
        return VideoRecord(
            video_id=image['id'],
            video_name=Path(image['file_name']).stem,
            frames=[str(Path(self.data_root) / self.image_dir / image['file_name'])],
            audio=None,
            features=None,
            fps=1.0,
            length=1,
            height=image['height'],
            width=image['width'],
            tracks=tracks,
            attributes={},
        )
