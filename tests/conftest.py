"""Settings of all tests: order, seeds, and what one test must not leave to the next."""

import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest
import torch
from hypothesis import settings
from mmengine.registry import DefaultScope

import avis  # noqa: F401 - applies the compatibility fixes before a test imports mmdet

# A collection looks at each of the million objects that imports and test items make, and every data
# set that is built starts one. They stay until the end, see pytest_collection_finish.
gc.disable()

LARGE = 1.2e9  # bytes of a process; imports take half of them

# No deadline: a busy machine is no failure. Derandomized: a run that fails must fail again.
settings.register_profile('avis', deadline=None, derandomize=True)
settings.load_profile('avis')


def pytest_report_header(config: pytest.Config) -> str:
    """Print the hash seed beside the seed of the order, which pytest-randomly prints."""
    return f'PYTHONHASHSEED={os.environ.get("PYTHONHASHSEED", "random")}'


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Collect the garbage of the tests only, not what exists before the first one."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Seed torch for each test; pytest-randomly does so for random and numpy."""
    seed = item.config.getoption('randomly_seed', 0)
    torch.manual_seed((seed + crc32(item.nodeid.encode())) % 2**32)


@pytest.fixture(autouse=True, scope='module')
def memory_of_large_models() -> Iterator[None]:
    """Return what the large models of a module used to the system, which glibc would keep."""
    yield
    trim = getattr(ctypes.CDLL(None), 'malloc_trim', None) if sys.platform == 'linux' else None
    if trim is not None:
        pages = int(Path('/proc/self/statm').read_text().split()[1])
        if pages * os.sysconf('SC_PAGE_SIZE') > LARGE:
            gc.collect()
            trim(0)


@pytest.fixture(autouse=True)
def same_scope() -> Iterator[None]:
    """Restore mmengine's scopes: that of a runner outlives it and changes how names resolve."""
    before = dict(DefaultScope._instance_dict)
    yield
    DefaultScope._instance_dict.clear()
    DefaultScope._instance_dict.update(before)


@pytest.fixture(autouse=True)
def without_lazy_modules() -> Iterator[None]:
    """Remove the lazy modules that SpeechBrain leaves in ``sys.modules``.

    They import on any attribute access and fail without optional packages, and hypothesis
    inspects every loaded module.
    """
    yield
    if 'speechbrain' in sys.modules:
        for name, module in list(sys.modules.items()):
            if type(module).__name__ in ('LazyModule', 'DeprecatedModuleRedirect'):
                del sys.modules[name]
