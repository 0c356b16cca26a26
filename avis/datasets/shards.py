"""Training clips from WebDataset shards: tar files that are read from begin to end.

A network disk reads a few large files far faster than millions of small ones. Shards contain the
bytes of the media files of each record; the records themselves, and so the labels of instances,
come from the data set as always. :func:`write_shards` writes them, :class:`ShardedClips` reads them
with the package webdataset.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from mmengine.dist import get_rank, get_world_size
from torch.utils.data import IterableDataset, get_worker_info

from avis.datasets.av_dataset import AVDataset
from avis.datasets.readers.errors import broken_data_error
from avis.registry import DATASETS
from avis.structures.video_record import VideoRecord
from avis.utils.atomic import atomic_folder
from avis.utils.optional import require

_INSTALL = "pip install 'avis[shards]'"
_KEYS = ('frames', 'audio', 'features', 'label_maps', 'instance_maps')


def write_shards(dataset: AVDataset, folder: str | Path, *, clips_per_shard: int = 1000) -> int:
    """Write the media files of all records of a data set.

    Args:
        dataset: The data set; its pipeline is not used.
        folder: Folder to create, with ``000000.tar`` and so on.
        clips_per_shard: Clips of a file; there should be several shards per worker that reads.

    Returns:
        Number of shards.

    Raises:
        FileNotFoundError: A file of a record does not exist.
        FileExistsError: ``folder`` has content.
        ImportError: webdataset is not installed.
    """
    webdataset = require('webdataset', by='write_shards', install=_INSTALL)
    with atomic_folder(folder) as part:
        pattern = str(part / '%06d.tar')
        with webdataset.ShardWriter(
            pattern, maxcount=clips_per_shard, verbose=0, encoder=False, mtime=0
        ) as writer:
            for index in range(len(dataset)):
                writer.write(_sample(dataset.record(index), index))
    return len(list(Path(folder).glob('*.tar')))


@DATASETS.register_module()
class ShardedClips(IterableDataset[Any]):
    """The clips of a data set in the order of its shards, for ``sampler=None`` of a data loader.

    Each worker reads its share of the shards. With a buffer, shards and clips are shuffled, with
    other orders in each epoch; the numbers follow from the seed of the data loader. Samples are
    those of the data set: the files of a clip are unpacked into a temporary folder (``TMPDIR``) and
    go through its pipeline.
    Processes of a distributed training may have different numbers of clips: count iterations
    (``IterBasedTrainLoop``), not epochs.

    Args:
        dataset: The data set of which the shards were written, or its config. Its media files need
            not exist, but the folders that it requires do.
        shards: Folder of the shards.
        buffer: Clips among which the next one is drawn; 0 keeps the order of the shards.
    """

    def __init__(
        self, *, dataset: AVDataset | Mapping[str, Any], shards: str, buffer: int = 1000
    ) -> None:
        built = DATASETS.build(dataset) if isinstance(dataset, Mapping) else dataset
        self.dataset: AVDataset = built
        self.paths = [str(path) for path in sorted(Path(shards).glob('*.tar'))]
        if not self.paths:
            raise FileNotFoundError(
                f'{shards}: expected shards such as 000000.tar; write them with avis data shards'
            )
        self.buffer = buffer
        self.epoch = 0

    @property
    def metainfo(self) -> dict[str, Any]:
        """Metainfo of the data set."""
        info: dict[str, Any] = self.dataset.metainfo
        return info

    def __len__(self) -> int:
        """Number of clips of this process, if all have equally many."""
        return len(self.dataset) // get_world_size()

    def __iter__(self) -> Iterator[Any]:
        """Read the shards of this worker."""
        webdataset = require('webdataset', by='ShardedClips', install=_INSTALL)
        # A persistent worker keeps its seed.
        seed = torch.initial_seed() + self.epoch
        self.epoch += 1
        own = self._own_shards()
        reader = webdataset.WebDataset(
            own,
            shardshuffle=len(own) if self.buffer else False,
            nodesplitter=None,
            workersplitter=None,
            seed=seed,
        ).shuffle(self.buffer, seed=seed)
        for sample in reader:
            yield self._load(sample)

    def _own_shards(self) -> list[str]:
        """Every n-th shard, for n workers of all processes."""
        worker = get_worker_info()
        workers, number = (1, 0) if worker is None else (worker.num_workers, worker.id)
        count = workers * get_world_size()
        if len(self.paths) < count:
            raise ValueError(
                f'{Path(self.paths[0]).parent}: expected at least one shard for each of {count} '
                f'workers, got {len(self.paths)}; write smaller shards, or use fewer workers'
            )
        return self.paths[get_rank() * workers + number :: count]

    def _load(self, sample: Mapping[str, Any]) -> Any:
        """Run the pipeline of the data set on the files of a clip."""
        index, stated = int(sample['__key__']), json.loads(sample['json'])
        record = self.dataset.record(index) if index < len(self.dataset) else None
        if record is None or _description(record) != stated:
            raise broken_data_error(
                sample['__url__'],
                f'has {stated["video_id"]!r} with {stated["files"]} files as clip {index}, which '
                f'{type(self.dataset).__name__} ({self.dataset.split}) does not',
                'Write the shards again from this data set.',
            )
        with TemporaryDirectory(prefix='avis_clip_') as folder:
            unpacked: dict[str, str] = {}
            for name, path in _members(record).items():
                unpacked[path] = path
                if name in sample:
                    file = Path(folder, name)
                    file.write_bytes(sample[name])
                    unpacked[path] = str(file)
            return self.dataset.pipeline(_with_paths(record, unpacked.__getitem__))


def _sample(record: VideoRecord, index: int) -> dict[str, Any]:
    """The members of one clip; of audio and its precomputed features one may be missing."""
    audio = (record['audio'], record.get('features'))
    optional = {path for path in audio if path is not None and path != record['frames']}
    if not any(Path(path).is_file() for path in optional):
        optional = set()
    files = {
        name: Path(path).read_bytes()
        for name, path in _members(record).items()
        if path not in optional or Path(path).is_file()
    }
    description = json.dumps(_description(record)).encode()
    return {'__key__': f'{index:09d}', 'json': description, **files}


def _description(record: VideoRecord) -> dict[str, Any]:
    return {'video_id': record['video_id'], 'files': len(_members(record))}


def _members(record: VideoRecord) -> dict[str, str]:
    """The media files of a record by their names in a shard, each file once."""
    paths: list[str] = []

    def collect(path: str) -> str:
        paths.append(path)
        return path

    _with_paths(record, collect)
    distinct = enumerate(dict.fromkeys(paths))
    return {f'{n:05d}{Path(path).suffix.lower()}': path for n, path in distinct}


def _with_paths(record: VideoRecord, change: Callable[[str], str]) -> dict[str, Any]:
    """Replace the paths of media files."""

    def visit(value: Any) -> Any:
        if isinstance(value, list):
            return [visit(item) for item in value]
        return value if value is None else change(value)

    values: Mapping[str, Any] = record
    changed = {key: visit(values[key]) for key in _KEYS if key in values}
    if 'audio_sources' in record:
        changed['audio_sources'] = [
            {**source, 'audio': change(source['audio'])} for source in record['audio_sources']
        ]
    return {**values, **changed}
