"""Settings of all tests."""

import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings
from mmengine.registry import DefaultScope

import avis  # noqa: F401 - closes the stack gaps before a test imports mmdet

# A busy machine is no failure, and a run that fails must fail again.
settings.register_profile('avis', deadline=None, derandomize=True)
settings.load_profile('avis')


@pytest.fixture(autouse=True)
def same_scope() -> Iterator[None]:
    """Forget the scopes that a test opens: a runner's outlives it and resolves later names."""
    before = dict(DefaultScope._instance_dict)
    yield
    DefaultScope._instance_dict.clear()
    DefaultScope._instance_dict.update(before)


@pytest.fixture(autouse=True)
def without_lazy_modules() -> Iterator[None]:
    """Take out what SpeechBrain leaves in ``sys.modules``.

    Its lazy modules import on any look and fail without optional packages, and hypothesis looks at
    every module there is.
    """
    yield
    if 'speechbrain' in sys.modules:
        for name, module in list(sys.modules.items()):
            if type(module).__name__ in ('LazyModule', 'DeprecatedModuleRedirect'):
                del sys.modules[name]
