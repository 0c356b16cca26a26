"""Settings of all tests."""

from hypothesis import settings

import avis  # noqa: F401 - closes the stack gaps before a test imports mmdet

# A busy machine is no failure, and a run that fails must fail again.
settings.register_profile('avis', deadline=None, derandomize=True)
settings.load_profile('avis')
