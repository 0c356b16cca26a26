"""VPO: images of COCO with sounds of VGGSound, one or several sources per image.

Chen et al., *Unraveling Instance Associations: A Closer Look for Audio-Visual Segmentation* (CVPR
2024, arXiv:2304.02970).
"""

from pathlib import Path
from typing import Any, ClassVar, get_args

from avis.datasets.av_dataset import AVDataset
from avis.registry import DATASETS
from avis.structures.labels import VPO_IDS, voc_palette
from avis.structures.video_record import AudioSource, VideoRecord
from avis.utils.vpo_csv import VPOImage, VPOSet, read_vpo_images, table_of

SECONDS = 3  # of audio that belong to an image
REPORTED = {'ss': 12202, 'ms': 9817, 'msmi': 12855}  # images of all splits
_AUDIO = 'vggsound_bench/VGGSound/audios'


@DATASETS.register_module()
class VPO(AVDataset):
    """Images with one of 21 classes per pixel, of the objects that sound; 255 is ignored.

    The rows 'val' of a table belong to the split 'test', as the authors test on both. A record is
    one image of one frame that lasts three seconds. Its sounds are mixed by
    :class:`~avis.datasets.transforms.audio_mix.LoadMixedAudio`, mono or stereo.

    Attributes of a record: ``subset``, ``categories`` (class of each sound), ``sources`` (their
    number).

    Args:
        subset: 'ss' (one source), 'ms' (several sources) or 'msmi' (also several of one class).
        data_root: Folder of ``VPO`` and ``vggsound_bench``.
        ann_file: Table below ``data_root``; by default that of the subset.
        kwargs: Arguments of :class:`~avis.datasets.av_dataset.AVDataset`.
    """

    METAINFO: ClassVar[dict[str, Any]] = {
        'classes': ('background', *VPO_IDS),
        'palette': voc_palette(len(VPO_IDS) + 1).tolist(),
    }
    SPLITS: ClassVar[tuple[str, ...]] = ('train', 'test')
    JOINED_SPLITS: ClassVar[tuple[str, ...]] = ('val',)
    SPLIT_COLUMN: ClassVar[str | int | None] = 'split'
    LAYOUT: ClassVar[str] = f"""\
  VPO/VPO-SS/vpo_ss_data_stereo.csv                  img_Id, ann_Ids, cateName, vgg_file, ...
  VPO/VPO-SS/data/<cateName>/<img_Id>.jpg            ids of 12 digits
  VPO/VPO-SS/mask/<cateName>/<img_Id>_<ann_Ids>.png
  VPO/VPO-{{MS,MSMI}}/vpo_{{ms,msmi}}_data_stereo.csv    also split, audio_pos, multi_instance
  VPO/VPO-{{MS,MSMI}}/data/<img_Id>.jpg
  VPO/VPO-{{MS,MSMI}}/mask/<img_Id>.png
  {_AUDIO}/<vgg_file>.wav"""

    def __init__(
        self,
        *,
        subset: VPOSet = 'ss',
        data_root: str = 'data/audio_visual',
        ann_file: str | None = None,
        **kwargs: Any,
    ) -> None:
        if subset not in get_args(VPOSet):
            raise ValueError(
                f'VPO: expected subset to be one of {get_args(VPOSet)}, got {subset!r}'
            )
        self.subset: VPOSet = subset
        super().__init__(
            data_root=data_root, ann_file=ann_file or f'VPO/{table_of(subset)}', **kwargs
        )

    def load_data_list(self) -> list[VideoRecord]:
        """Read the table of the subset."""
        self.require(_AUDIO)
        images = read_vpo_images(self.ann_file, self.subset)
        return [self._to_record(image) for image in self.of_split(images, lambda row: row.split)]

    def notes(self) -> list[str]:
        """What is known of the number of images."""
        count = REPORTED[self.subset]
        return [f'{count} images are reported for all splits together, none for a single one.']

    def _to_record(self, image: VPOImage) -> VideoRecord:
        root = Path(self.data_root)
        sources: list[AudioSource] = [
            {'audio': str(root / _AUDIO / f'{name}.wav'), 'position': position}
            for name, position in image.sounds
        ]
        return VideoRecord(
            video_id=image.name,
            video_name=image.name,
            frames=[str(root / 'VPO' / image.image)],
            audio=None,
            audio_sources=sources,
            fps=1 / SECONDS,
            length=1,
            height=0,  # the table does not state the size
            width=0,
            label_maps=[str(root / 'VPO' / image.mask)],
            attributes={
                'subset': self.subset,
                'categories': image.categories,
                'sources': len(sources),
            },
        )
