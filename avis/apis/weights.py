"""Weights of other projects that configs start from: where they are, and how to get them."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from avis.apis.config_files import config_files
from avis.apis.models import find_model
from avis.utils.compat.config_bases import configs_root
from avis.utils.download import Progress, check_content, download_file


@dataclass(frozen=True)
class WeightFile:
    """A file of weights that configs read, listed as ``Files`` of a metafile.

    Attributes:
        name: Name for :func:`fetch_weights`.
        file: Path from which configs read it, converted.
        converter: Kind of the published file, see :func:`avis.apis.convert_checkpoint`.
        page: Web page of the authors.
        original: Name of the published file.
        url: Address of the published file; None if the page has no direct one.
        size: Bytes of the published file; None if unknown.
        sha256: SHA-256 of the published file or its first digits; None if unknown.
    """

    name: str
    file: str
    converter: str
    page: str
    original: str
    url: str | None = None
    size: int | None = None
    sha256: str | None = None


def list_weights() -> list[WeightFile]:
    """Return the files of weights that the configs of avis read."""
    files = {}
    for path in sorted((configs_root() / 'configs').rglob('metafile.yml')):
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
        for collection in content['Collections']:
            for entry in collection.get('Files', ()):
                files[entry['Name']] = _weight_file(entry)
    return list(files.values())


def _weight_file(entry: dict[str, Any]) -> WeightFile:
    url = entry.get('URL')
    return WeightFile(
        name=entry['Name'],
        file=entry['File'],
        converter=entry['Converter'],
        page=entry['Page'],
        original=entry['Original'] if url is None else url.rpartition('/')[2],
        url=url,
        size=entry.get('Size'),
        sha256=entry.get('SHA256'),
    )


def weights_of(names: Sequence[str]) -> list[WeightFile]:
    """Return files of weights by their names, or those that configs read or publish by theirs.

    Raises:
        FileNotFoundError: A name is neither; the message suggests a similar one.
    """
    known = {each.name: each for each in list_weights()}
    found: dict[str, WeightFile] = {}
    for name in names:
        if name in known:
            found[name] = known[name]
        else:
            model = find_model(name)
            config = model.config
            found.update({key: each for key, each in known.items() if each.file == model.weights})
            text = '\n'.join(path.read_text(encoding='utf-8') for path in config_files(config))
            found.update({key: each for key, each in known.items() if f"'{each.file}'" in text})
    return list(found.values())


def fetch_weights(
    weights: WeightFile,
    root: str | Path = '.',
    *,
    trust_checkpoint: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Download the published file into ``data/pretrained/original`` and convert it.

    A file that is there already, fetched by hand or earlier, is not downloaded again.

    Args:
        weights: What to fetch.
        root: Folder that contains ``data/``.
        trust_checkpoint: Allow pickled code in the published file.
        progress: Shows the progress of the download.

    Returns:
        The path of the converted file.

    Raises:
        ConnectionError: There is no network, or the file has no direct address; the message says
            what to fetch from where.
        ValueError: The file is not the published one.
    """
    converted = Path(root) / weights.file
    if converted.is_file():
        return converted
    original = converted.parent / 'original' / weights.original
    if original.is_file():
        check_content(original, size=weights.size, sha256=weights.sha256)
    elif weights.url is None:
        raise ConnectionError(
            f'{weights.original} has no direct address: fetch it from {weights.page}, save it as '
            f'{original}, and start this command again'
        )
    else:
        _download(weights, original, progress)

    from avis.apis.checkpoint import convert_checkpoint
    from avis.utils.compat.checkpoint_loading import trusted_checkpoints

    with trusted_checkpoints() if trust_checkpoint else nullcontext():
        convert_checkpoint(weights.converter, original, converted)
    return converted


def _download(weights: WeightFile, original: Path, progress: Progress | None) -> None:
    assert weights.url is not None
    try:
        download_file(
            weights.url, original, size=weights.size, sha256=weights.sha256, progress=progress
        )
    except ConnectionError as error:
        raise ConnectionError(
            f'{error}; start this command again, or fetch the file on another machine, save it as '
            f'{original}, and start this command again'
        ) from error
