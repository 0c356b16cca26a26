"""YouTube-VIS 2019 and 2021, and OVIS: video instance segmentation without audio.

Yang et al., *Video Instance Segmentation* (ICCV 2019); Qi et al., *Occluded Video Instance
Segmentation* (IJCV 2022). The published annotations of val and test contain no ground truth.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from avis.datasets.vis import VISDataset
from avis.registry import DATASETS

# Videos per split.
_PUBLISHED: dict[str, dict[str, int]] = {
    '2019': {'train': 2238, 'val': 302, 'test': 343},
    '2021': {},
    'ovis': {'train': 607, 'val': 140, 'test': 154},
}


@DATASETS.register_module()
class YouTubeVIS(VISDataset):
    """YouTube-VIS and OVIS; the classes are the categories of the annotation file.

    Args:
        split: 'train', 'val' or 'test'.
        version: '2019', '2021' or 'ovis'.
        data_root: Folder of the data set.
        ann_file: Annotation file below ``data_root``; by default searched where the releases and
            common tools put it, as is the folder of the frames.
        kwargs: Arguments of :class:`~avis.datasets.vis.VISDataset`.
    """

    LAYOUT: ClassVar[str] = """\
  {train,valid,test}.json               (or annotations/<split>.json, annotations_<split>.json)
  {train,valid,test}/JPEGImages/<video>/<frame>.jpg           (OVIS: without JPEGImages)"""

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
                f'YouTubeVIS: expected version to be one of {list(_PUBLISHED)}, got {version!r}'
            )
        self.version = version
        names = ('val', 'valid') if split == 'val' else (split,)
        templates = ('{}.json', 'annotations/{}.json', 'annotations_{}.json')
        ann_file = ann_file or _find(data_root, templates, names)
        images = _find(data_root, ('{}/JPEGImages', '{}'), names)
        # Every fifth frame of 30 per second is annotated.
        options = {'image_dir': images, 'fps': 6.0, **kwargs}
        super().__init__(split=split, data_root=data_root, ann_file=ann_file, **options)

    @property
    def published(self) -> int | None:
        """Number of videos of the split as published; None if unknown or with own classes."""
        return _PUBLISHED[self.version].get(self.split) if self.own_classes is None else None


def _find(root: str, templates: Sequence[str], names: Sequence[str]) -> str:
    """Return the first path that exists below ``root``, or the first one if none exists."""
    paths = [template.format(name) for template in templates for name in names]
    return next((path for path in paths if (Path(root) / path).exists()), paths[0])
