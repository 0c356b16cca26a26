"""Gaps in the released stack that avis closes, one module each, only where the gap exists.

Nothing is imported early: every module waits for the import it is about. Each names the reason
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


def close_stack_gaps() -> None:
    """Prepare all gaps; called once by ``import avis``, harmless when called again."""
    for gap in (
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
        gap.install()
