"""torchaudio with a torch it was not built for: keep its pure PyTorch parts usable.

Reason: torchaudio wheels on PyPI link CUDA libraries, so ``import torchaudio`` raises OSError
with a CPU build of torch, although resampling, mel scales, wav2vec2 and ConvTasNet need no
compiled code. torchaudio supports the state "no extension", which is reported here when
loading the extension fails. transformers imports torchaudio, mmdet imports transformers.
Ends with: a torchaudio release whose wheels import without their libraries.
"""

import logging
from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn

from avis.utils.compat.import_hook import around_import


def _report_no_extension(execute: Callable[[ModuleType], None], module: ModuleType) -> None:
    """Execute ``torchaudio._extension``; if a library does not load, set its flags."""
    try:
        execute(module)
    except (OSError, ImportError, RuntimeError) as error:
        logging.getLogger('avis').info(
            'torchaudio runs without its compiled extension (%s). Resampling, mel scales and '
            'models work; forced alignment and RNN-T loss need a matching wheel.',
            error,
        )

        def fail_if_no_align(function: Callable[..., Any]) -> Callable[..., NoReturn]:
            def missing(*args: Any, **kwargs: Any) -> NoReturn:
                raise RuntimeError(
                    f'{function.__name__} needs the compiled extension of torchaudio, which does '
                    f'not load here; install the torchaudio wheel built for your torch.'
                )

            return missing

        module._IS_TORCHAUDIO_EXT_AVAILABLE = False  # type: ignore[attr-defined]
        module._IS_ALIGN_AVAILABLE = False  # type: ignore[attr-defined]
        module._IS_RNNT_AVAILABLE = False  # type: ignore[attr-defined]
        module._check_cuda_version = lambda: None  # type: ignore[attr-defined]
        module.fail_if_no_align = fail_if_no_align  # type: ignore[attr-defined]


def install() -> None:
    """Wait for the import of ``torchaudio._extension``."""
    around_import('torchaudio._extension', _report_no_extension)
