"""Base of all data sets: splits, errors of missing files, and clips that cannot be read."""

import logging
import traceback
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import torch
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from avis.datasets.readers.errors import UNUSABLE_FILE, BrokenDataError
from avis.datasets.record_index import key_of, open_index, write_index
from avis.registry import TRANSFORMS
from avis.structures.video_record import VideoRecord

Row = TypeVar('Row')
# Attributes that do not change the records.
_NOT_INDEXED = {
    *('pipeline', 'test_mode', 'skip_broken', 'records_errors', 'index_dir', 'max_refetch'),
    *('data_list', '_index_file', '_fully_initialized', '_broken'),
}


class AVDataset(BaseDataset):
    """Base of the audio-visual data sets: ``load_data_list`` maps annotations to ``VideoRecord``.

    Args:
        split: One of ``SPLITS`` of the class.
        data_root: Folder of the data set; ``LAYOUT`` of the class describes its content.
        ann_file: Annotation file below ``data_root``.
        pipeline: Transforms, see :func:`build_transforms`.
        skip_broken: What happens to a clip whose files are missing or broken. False: an error
            names the file. True: the next readable clip is used instead. In test mode the sample
            then keeps the name of the broken clip, has no labeled frame, and has ``broken=True``
            in its metainfo, so that no metric counts it. Each broken clip is logged once and
            listed in :attr:`broken_clips`. When a runner tests or validates, any error of a clip is
            treated so; without ``skip_broken`` the run then ends with an error that names it.
        test_mode: Defaults to True for every split but ``'train'``.
        index_dir: Folder for an index file of the records, see :mod:`avis.datasets.record_index`.
            The first data set with the same arguments writes it, later ones map it into memory
            instead of reading the annotations; it is written again when :meth:`annotation_files`
            change. Other files, such as masks that were added, are not noticed: delete it then.
        kwargs: Arguments of mmengine's ``BaseDataset``.
    """

    SPLITS: ClassVar[tuple[str, ...]] = ('train', 'val', 'test')
    # Videos per split as published, for tools/dataset_tools/check_dataset.py.
    PUBLISHED: ClassVar[dict[str, int]] = {}
    PUBLISHED_NOTE: ClassVar[str] = ''
    LAYOUT: ClassVar[str] = ''
    # Attributes that load_data_list sets, to be restored from an index.
    INDEXED_STATE: ClassVar[tuple[str, ...]] = ('_metainfo',)
    # Name or position of the column of a csv that states the split; None for other files.
    SPLIT_COLUMN: ClassVar[str | int | None] = None
    # Values of this column in rows that the benchmark itself leaves out.
    UNUSED_SPLITS: ClassVar[tuple[str, ...]] = ()
    # Values of this column in rows that belong to another split of this class.
    JOINED_SPLITS: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        *,
        split: str,
        data_root: str,
        ann_file: str,
        pipeline: Mapping[str, Any] | Sequence[Any] = (),
        skip_broken: bool = False,
        test_mode: bool | None = None,
        index_dir: str | None = None,
        **kwargs: Any,
    ) -> None:
        if split not in self.SPLITS:
            raise ValueError(
                f'{type(self).__name__}: split must be one of {self.SPLITS}, got {split!r}'
            )
        self.split = split
        self.skip_broken = skip_broken
        self.records_errors = False
        self.index_dir = index_dir
        self._index_file: Path | None = None  # known once the arguments are complete
        # True for broken clips; the workers of a data loader share this memory.
        self._broken = torch.zeros(0, dtype=torch.bool)
        super().__init__(
            ann_file=str(ann_file),
            data_root=str(data_root),
            # Built here, because BaseDataset does not know the registry of avis.
            pipeline=build_transforms(pipeline),
            test_mode=split != 'train' if test_mode is None else test_mode,
            **kwargs,
        )

    def full_init(self) -> None:
        """Read the annotations, see ``BaseDataset``, or their index."""
        if self.index_dir is not None and not self._fully_initialized:
            self._init_from_index(Path(self.index_dir))
        super().full_init()
        if (self.skip_broken or self.records_errors) and not len(self._broken):
            self._broken = torch.zeros(len(self), dtype=torch.bool).share_memory_()

    def annotation_files(self) -> list[Path]:
        """Files and folders from which the records are read, without images, masks and media."""
        return [Path(self.ann_file)]

    def record_errors(self) -> None:
        """Replace a clip that raises any error from now on, instead of raising it."""
        self.records_errors = True
        self.full_init()

    def require(self, *folders: str) -> None:
        """Check that the data root, the annotation file and some folders below the root exist.

        Raises:
            FileNotFoundError: One does not exist; the message shows the expected layout.
        """
        paths = [Path(self.data_root), Path(self.ann_file)]
        for path in [*paths, *(Path(self.data_root) / folder for folder in folders)]:
            if not path.exists():
                raise FileNotFoundError(
                    f'{type(self).__name__}: {path} does not exist. Expected layout below '
                    f'data_root={str(self.data_root)!r}:\n{self.LAYOUT}'
                )

    def of_split(
        self, rows: Sequence[Row], split_of: Callable[[Any], str] = itemgetter('split')
    ) -> list[Row]:
        """Return the rows of the split of this data set.

        Args:
            rows: The rows of all splits.
            split_of: Returns the split of a row.

        Raises:
            ValueError: No row has this split.
        """
        chosen = [row for row in rows if split_of(row) == self.split]
        if not chosen:
            raise ValueError(
                f'{self.ann_file}: expected rows of split {self.split!r}, got {len(rows)} rows of '
                f'{sorted({split_of(row) for row in rows})}. Use one of these, or fetch the file '
                f'again.'
            )
        return chosen

    def record(self, index: int) -> VideoRecord:
        """Return the annotations of one video, before any transform."""
        record: VideoRecord = self.get_data_info(index)
        return record

    @property
    def published(self) -> int | None:
        """Number of videos of the split as published; None if unknown."""
        return self.PUBLISHED.get(self.split)

    def unlisted_videos(self) -> list[str]:
        """Names of videos that are on disk, but not in the annotations."""
        return []

    def notes(self) -> list[str]:
        """Sentences about the annotations of the split that their user should know."""
        return []

    @property
    def broken_clips(self) -> list[int | str]:
        """Ids of the clips that all workers have skipped so far."""
        indices = torch.nonzero(self._broken).flatten().tolist()
        return [self.record(index)['video_id'] for index in indices]

    def prepare_data(self, idx: int) -> Any:
        """Run the pipeline on one clip; ``skip_broken`` decides what happens if it fails."""
        try:
            return super().prepare_data(idx)
        except Exception as error:
            if not self._is_skipped(error):
                raise
            self._report(idx, error)
            return self._substitute(idx, error)

    def _init_from_index(self, folder: Path) -> None:
        """Map the index of these arguments; write it first if there is none, or it is old."""
        if self._index_file is None:
            settings = {k: value for k, value in vars(self).items() if k not in _NOT_INDEXED}
            name = f'{type(self).__name__}_{self.split}_{key_of(settings, [])[:12]}.index'
            self._index_file = folder / name
        key = key_of({}, self.annotation_files())
        index = open_index(self._index_file, key)
        if index is None:
            self.data_list = self.load_data_list()
            self.data_list = self.filter_data()
            if self._indices is not None:
                self.data_list = self._get_unserialized_subset(self._indices)
            state = {name: getattr(self, name) for name in self.INDEXED_STATE}
            write_index(self._index_file, key, self.data_list, state)
            self.data_list = []
            index = open_index(self._index_file, key)
        if index is None:
            raise BrokenDataError(f'{self._index_file}: cannot be read after it was written')
        self.__dict__.update(index.state)
        self.data_bytes, self.data_address = index.records, index.ends
        self._fully_initialized = True

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is mapped: a process that unpickles the data set maps the index again."""
        state = dict(vars(self))
        if self.index_dir is not None and self._fully_initialized:
            for name in ('data_bytes', 'data_address'):
                del state[name]
            state['_fully_initialized'] = False
        return state

    def _is_skipped(self, error: Exception) -> bool:
        """Whether the clip of an error is left out."""
        return self.records_errors or (self.skip_broken and isinstance(error, UNUSABLE_FILE))

    def _report(self, idx: int, error: Exception) -> None:
        """Log a broken clip once per run, with the running count."""
        if self._broken[idx]:
            return
        self._broken[idx] = True
        expected = isinstance(error, UNUSABLE_FILE)
        details = str(error) if expected else ''.join(traceback.format_exception(error))
        print_log(
            f'{type(self).__name__} ({self.split}): clip {self.record(idx)["video_id"]!r} is '
            f'broken and skipped, {int(self._broken.sum())} of {len(self)} so far. {details}',
            logger='current',
            level=logging.WARNING,
        )

    def _substitute(self, idx: int, error: Exception) -> Any:
        """Return the next readable clip; in test mode marked so that no metric counts it."""
        for step in range(1, len(self)):
            index = (idx + step) % len(self)
            try:
                data = super().prepare_data(index)
            except Exception as other:
                if not self._is_skipped(other):
                    raise
                self._report(index, other)
                continue
            if self.test_mode and data is not None:
                self._mark_ignored(data['data_samples'], idx)
            return data
        raise BrokenDataError(
            f'{type(self).__name__} ({self.split}): none of its {len(self)} clips can be read, the '
            f'last error was: {error}'
        ) from error

    def _mark_ignored(self, sample: Any, idx: int) -> None:
        """Give a substitute the name of the clip at ``idx``, and remove its labels."""
        record = self.record(idx)
        sample.set_metainfo(
            {
                'video_id': record['video_id'],
                'video_name': record['video_name'],
                'broken': True,
            }
        )
        if 'labeled_frames' in sample:
            sample.labeled_frames = torch.zeros_like(sample.labeled_frames)


def build_transforms(pipeline: Mapping[str, Any] | Sequence[Any]) -> list[Any]:
    """Build the transforms of a pipeline.

    Args:
        pipeline: Transforms, as configs or built, in the order in which they run: a list, or a dict
            of names, by which a config overrides single steps. A step that is None is skipped.
    """
    steps = pipeline.values() if isinstance(pipeline, Mapping) else pipeline
    built = (TRANSFORMS.build(step) if isinstance(step, dict) else step for step in steps)
    return [step for step in built if step is not None]
