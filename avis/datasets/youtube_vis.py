"""YouTube-VIS 2019 and 2021, and OVIS: video instance segmentation without sound.

Yang et al., *Video Instance Segmentation* (ICCV 2019); Qi et al., *Occluded Video Instance
Segmentation* (IJCV 2022). The published annotations of val and test hold no truth.
"""

from typing import Any, ClassVar

from avis.datasets.vis import VISDataset, VisFile
from avis.registry import DATASETS
from avis.structures.labels import voc_palette

# Videos per split.
_PUBLISHED: dict[str, dict[str, int]] = {
    '2019': {'train': 2238, 'val': 302, 'test': 343},
    '2021': {},
    'ovis': {'train': 607, 'val': 140, 'test': 154},
}


@DATASETS.register_module()
class YouTubeVIS(VISDataset):
    """Sets of YouTube-VIS; the classes are those that the annotation file lists.

    Args:
        split: 'train', 'val' or 'test'.
        version: '2019', '2021' or 'ovis'.
        data_root: Folder of the data set.
        ann_file: Annotations below it; ``annotations/<split>.json`` if not given.
        kwargs: Arguments of :class:`~avis.datasets.vis.VISDataset`.
    """

    LAYOUT: ClassVar[str] = """\
  annotations/{train,val,test}.json     (or name yours with ann_file)
  {train,val,test}/JPEGImages/<video>/<frame>.jpg"""

    def __init__(
        self,
        *,
        split: str,
        version: str = '2019',
        data_root: str = 'data/youtube_vis_2019',
        ann_file: str | None = None,
        **kwargs: Any,
    ) -> None:
        if version not in _PUBLISHED:
            raise ValueError(
                f'YouTubeVIS: version must be one of {list(_PUBLISHED)}, got {version!r}'
            )
        self.version = version
        ann_file = f'annotations/{split}.json' if ann_file is None else ann_file
        options = {'image_dir': f'{split}/JPEGImages', 'fps': 5.0, **kwargs}
        super().__init__(split=split, data_root=data_root, ann_file=ann_file, **options)

    @property
    def published(self) -> int | None:
        """Number of videos of the split as published, None if it is not known."""
        return _PUBLISHED[self.version].get(self.split)

    def categories_of(self, file: VisFile) -> list[int]:
        """Those of the file; their names become the classes of the metainfo."""
        if not file.categories:
            raise ValueError(
                f'{file.path}: has no list categories, which tells the classes. Fetch it again.'
            )
        self._metainfo['classes'] = tuple(file.categories.values())
        self._metainfo['palette'] = voc_palette(len(file.categories) + 1)[1:].tolist()
        return list(file.categories)
