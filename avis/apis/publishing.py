"""Make a checkpoint small and safe to share."""

import hashlib
import io
from pathlib import Path

import torch

from avis.utils.atomic import check_writable, write_atomic
from avis.utils.checkpoint import state_dict_of
from avis.utils.compat.checkpoint_loading import load_file

_HASH_DIGITS = 8


def publish_checkpoint(src: str | Path, dst: str | Path) -> Path:
    """Write the weights and the metadata of a checkpoint, without what only training needs.

    Optimizer, schedulers, logs and the second set of weights of an exponential moving average
    (EMA) are dropped. mmengine's ``EMAHook`` saves the averaged weights, which a test uses, as
    ``state_dict``: they are kept.

    Args:
        src: Checkpoint of a training run.
        dst: File to write, such as ``avism.pth``; the first digits of its SHA-256 are added to its
            name (``avism-1a2b3c4d.pth``), by which :func:`torch.hub.load_state_dict_from_url`
            checks a download.

    Returns:
        The path with the hash. Equal contents have equal hashes.

    Raises:
        FileNotFoundError: ``src`` does not exist.
        ValueError: ``src`` is damaged or contains no weights.
    """
    target = Path(dst)
    check_writable(target.parent)
    content = load_file(src, 'cpu')
    meta = content.get('meta', {}) if isinstance(content, dict) else {}
    weights = {key: value.clone() for key, value in state_dict_of(content, src).items()}
    buffer = io.BytesIO()  # a file would add its own name to the content
    torch.save({'meta': meta, 'state_dict': weights}, buffer)
    data = buffer.getvalue()
    digits = hashlib.sha256(data).hexdigest()[:_HASH_DIGITS]
    target = target.with_name(f'{target.stem}-{digits}{target.suffix or ".pth"}')
    write_atomic(target, data)
    return target
