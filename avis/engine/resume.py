"""Find the checkpoint to resume from, also after a run was killed while it wrote one."""

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def is_complete(path: Path) -> bool:
    """Whether a checkpoint file is complete.

    Checkpoints are zip archives: a truncated one lacks its table of contents, a damaged one
    does not match its checksums.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            stored = all(file.compress_type == zipfile.ZIP_STORED for file in archive.infolist())
            return stored and archive.testzip() is None  # torch never compresses
    except (OSError, ValueError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile):
        return False


def checkpoints_in(folder: Path) -> list[Path]:
    """The regular checkpoints ``epoch_*.pth`` and ``iter_*.pth`` of a run, newest first."""
    found = [
        (int(match[1]), path)
        for path in folder.glob('*.pth')
        if (match := re.fullmatch(r'(?:epoch|iter)_(\d+)', path.stem))
    ]
    return [path for _, path in sorted(found, reverse=True)]


def newest_complete(folder: Path, *, exclude: Path | None = None) -> Path | None:
    """The newest complete checkpoint of a folder, or None."""
    found = (path for path in checkpoints_in(folder) if path != exclude)
    return next((path for path in found if is_complete(path)), None)


def find_resumable(work_dir: Path) -> tuple[Path | None, str]:
    """The checkpoint that ``--resume`` continues from, and a line for the log.

    Returns:
        The newest readable checkpoint, None for a run that saved nothing yet; the line.

    Raises:
        ValueError: There are checkpoints, but none of them can be read.
    """
    latest = _latest_checkpoint(work_dir)
    if latest is not None and is_complete(latest):
        return latest, f'Resuming from {latest}.'
    folder = work_dir if latest is None else latest.parent
    fallback = newest_complete(folder, exclude=latest)
    if fallback is None and (latest is not None or checkpoints_in(work_dir)):
        raise ValueError(
            f'No checkpoint in {folder} can be read ({latest or "all"} missing, truncated or '
            f'damaged). Start a new run with another --work-dir, or remove the damaged files.'
        )
    if fallback is None:
        return None, f'{work_dir} contains no checkpoint to resume from; starting a new run.'
    if latest is None:
        return fallback, f'Resuming from {fallback}.'
    return fallback, (
        f'The latest checkpoint {latest} is missing, truncated or damaged; resuming from the '
        f'older {fallback}.'
    )


def check_resumable(path: Path) -> Path:
    """Check a checkpoint named by the user.

    Raises:
        FileNotFoundError: It does not exist.
        ValueError: It is truncated or damaged; the message names another one to use.
    """
    if not path.is_file():
        raise FileNotFoundError(f'Checkpoint {path} to resume from does not exist.')
    if not is_complete(path):
        other = newest_complete(path.parent, exclude=path)
        remedy = f'Resume from {other}.' if other else f'{path.parent} contains no other one.'
        raise ValueError(f'Checkpoint {path} is truncated or damaged. {remedy}')
    return path


def _latest_checkpoint(work_dir: Path) -> Path | None:
    """The file named by ``last_checkpoint``, in ``work_dir`` if that was moved; else None."""
    pointer = work_dir / 'last_checkpoint'
    name = pointer.read_text('utf-8', 'replace').strip() if pointer.is_file() else ''
    if not name or '\0' in name or len(name) > 4096:  # damaged
        return None
    local = work_dir / Path(name).name[-255:]
    return local if local.is_file() else Path(name)


# Entries of a checkpoint of a training run -> what they are.
_STATE: dict[str, tuple[type, ...]] = {
    'meta': (Mapping,),
    'state_dict': (Mapping,),
    'message_hub': (Mapping,),
    'optimizer': (Mapping,),
    'param_schedulers': (list, Mapping),
    'meta.epoch': (int,),
    'meta.iter': (int,),
    'meta.cfg': (str,),
    'meta.seed': (int, type(None)),
    'message_hub.log_scalars': (Mapping,),
    'message_hub.runtime_info': (Mapping,),
    'message_hub.resumed_keys': (Mapping,),
    'optimizer.param_groups': (list,),
    'optimizer.state': (Mapping,),
}
_MAY_BE_ABSENT = ('meta.cfg', 'meta.seed', 'param_schedulers')


def check_training_state(content: Any, path: str | Path) -> Mapping[str, Any]:
    """Check that a loaded checkpoint has the state of a training run; returns its metadata.

    Raises:
        ValueError: An entry is missing or of a wrong kind; the message names it.
    """
    if not isinstance(content, Mapping):
        raise ValueError(f'Checkpoint {path}: expected a dict, got {type(content).__name__}.')
    meta = content.get('meta', {})
    if isinstance(meta, Mapping) and 'epoch' not in meta:
        raise ValueError(
            f'Checkpoint {path} contains weights but not the state of a training run. To start '
            f'a new run from these weights: --cfg-options load_from={path}'
        )
    for key, kinds in _STATE.items():
        name, _, inner = key.partition('.')
        holder, entry = (content[name], inner) if inner else (content, name)
        if entry not in holder and key in _MAY_BE_ABSENT:
            continue
        value = holder.get(entry, _MISSING)
        if not isinstance(value, kinds) or isinstance(value, bool) or _is_negative(value):
            expected = ' or '.join(kind.__name__ for kind in kinds)
            got = 'nothing' if value is _MISSING else repr(value)[:60]
            raise ValueError(f'Checkpoint {path}: expected {expected} as {key}, got {got}.')
    if 'config' in meta:  # mmengine would execute this text
        raise ValueError(f'Checkpoint {path}: expected no entry meta.config, which is code.')
    return dict(meta)


_MISSING = object()


def _is_negative(value: Any) -> bool:
    return isinstance(value, int) and value < 0
