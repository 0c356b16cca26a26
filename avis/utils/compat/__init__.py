"""Workarounds for mmengine, mmdet and torch, one module each, applied only where they are needed.

Nothing is imported early: each module waits for the import that it changes. Each states its reason
and the release that makes it obsolete.
"""

from avis.utils.compat import (
    checkpoint_loading,
    config_bases,
    cpu_distributed,
    deferred_imports,
    forked_garbage,
    mmcv_ops,
    mmdet_trackers,
    torchaudio_extension,
    torchvision_ops,
)


def install_workarounds() -> None:
    """Register all workarounds; called by ``import avis``, idempotent."""
    for workaround in (
        mmcv_ops,
        torchaudio_extension,
        checkpoint_loading,
        config_bases,
        cpu_distributed,
        deferred_imports,
        forked_garbage,
        mmdet_trackers,
        torchvision_ops,
    ):
        workaround.install()
