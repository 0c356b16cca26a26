"""AVISeg, audio-visual instance segmentation: which objects sound, frame by frame.

Guo et al., *Audio-Visual Instance Segmentation* (CVPR 2025, arXiv:2310.18709). One frame per second
is annotated; an object that is seen but silent has no mask in that frame.
"""

from typing import Any, ClassVar

from avis.datasets.vis import VisAnnotations, VISDataset
from avis.registry import DATASETS
from avis.structures.labels import AVISEG_CLASSES, voc_palette


@DATASETS.register_module()
class AVISeg(VISDataset):
    """926 videos of about one minute, 26 classes, instances with identity.

    Args:
        split: 'train', 'val' or 'test'.
        data_root: Folder of the data set.
        ann_file: Annotations below it; ``<split>.json`` if not given.
        kwargs: Arguments of :class:`~avis.datasets.vis.VISDataset`; folders are those of the
            release if not given.
    """

    METAINFO: ClassVar[dict[str, Any]] = {
        'classes': AVISEG_CLASSES,
        'palette': voc_palette(len(AVISEG_CLASSES) + 1)[1:].tolist(),
    }
    PUBLISHED: ClassVar[dict[str, int]] = {'train': 616, 'val': 105, 'test': 205}
    PUBLISHED_NOTE: ClassVar[str] = 'The count of val is what train and test leave of 926.'
    LAYOUT: ClassVar[str] = """\
  {train,val,test}.json
  {train,val,test}/JPEGImages/<video>/<frame>.jpg
  {train,val,test}/WAVAudios/<video>.wav
  {train,val,test}/FEATAudios/<video>.npy      (T, 128), made by extract_audio_features.py"""

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

    def categories_of(self, file: VisAnnotations) -> list[int]:
        """Always the 26 published ones, whichever of them a file lists."""
        for number, name in file.categories.items():
            known = AVISEG_CLASSES[number - 1] if 0 < number <= len(AVISEG_CLASSES) else None
            if known != name:
                file.note(f'category that is {known!r} as published', f'{number} is {name!r}')
        return list(range(1, len(AVISEG_CLASSES) + 1))
