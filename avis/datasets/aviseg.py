"""AVISeg, audio-visual instance segmentation: the objects that sound in each frame.

Guo et al., *Audio-Visual Instance Segmentation* (CVPR 2025, arXiv:2310.18709). One frame per second
is annotated; an object that is visible but silent has no mask in that frame.
"""

from typing import Any, ClassVar

from avis.datasets.vis import VISDataset
from avis.datasets.vis_annotations import VISAnnotations
from avis.registry import DATASETS
from avis.structures.labels import AVISEG_CLASSES, voc_palette


@DATASETS.register_module()
class AVISeg(VISDataset):
    """926 videos of about one minute, 26 classes, instances with identity.

    For your own data in this layout, state your classes as in
    :class:`~avis.datasets.vis.VISDataset`.

    Args:
        split: 'train', 'val' or 'test'.
        data_root: Folder of the data set.
        ann_file: Annotation file below ``data_root``; defaults to ``<split>.json``.
        kwargs: Arguments of :class:`~avis.datasets.vis.VISDataset`; folders default to those of
            the official release.
    """

    METAINFO: ClassVar[dict[str, Any]] = {
        'classes': AVISEG_CLASSES,
        'palette': voc_palette(len(AVISEG_CLASSES) + 1)[1:].tolist(),
    }
    PUBLISHED: ClassVar[dict[str, int]] = {'train': 616, 'val': 105, 'test': 205}
    PUBLISHED_NOTE: ClassVar[str] = 'The count of val is 926 minus those of train and test.'
    LAYOUT: ClassVar[str] = """\
  {train,val,test}.json
  {train,val,test}/JPEGImages/<video>/<frame>.jpg
  {train,val,test}/WAVAudios/<video>.wav
  {train,val,test}/FEATAudios/<video>.npy      (T, 128), from extract_audio_features.py"""

    def __init__(
        self,
        *,
        split: str,
        data_root: str = 'data/AVISeg',
        ann_file: str | None = None,
        **kwargs: Any,
    ) -> None:
        folders = {
            'image_dir': f'{split}/JPEGImages',
            'audio_dir': f'{split}/WAVAudios',
            'feature_dir': f'{split}/FEATAudios',
        }
        ann_file = f'{split}.json' if ann_file is None else ann_file
        super().__init__(
            split=split, data_root=data_root, ann_file=ann_file, **{**folders, **kwargs}
        )

    def categories_of(self, file: VISAnnotations) -> list[int]:
        """Return the 26 official categories, whichever of them the file lists, or your own."""
        if self.own_classes is not None:
            return super().categories_of(file)
        for number, name in file.categories.items():
            official = AVISEG_CLASSES[number - 1] if 0 < number <= len(AVISEG_CLASSES) else None
            if official != name:
                file.add_warning(
                    f'category that is officially {official!r}', f'{number} is {name!r}'
                )
        return list(range(1, len(AVISEG_CLASSES) + 1))
