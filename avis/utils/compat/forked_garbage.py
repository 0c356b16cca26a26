"""A forked process leaves alone what its parent threw away.

PyAV converts a image with threads of FFmpeg, and freeing them waits for each. In a process forked
from this one, such as a worker of a data loader, they do not exist: when its garbage collector
comes upon a frame that the parent left behind in a cycle, it waits for ever. So a child starts with
nothing to collect (``gc.freeze``); what it makes itself is collected as ever.

Obsolete from Python 3.14 on, where processes are no longer forked by default.
"""

import functools
import gc
import os


@functools.cache
def install() -> None:
    """Take effect in every process forked from here on."""
    os.register_at_fork(after_in_child=gc.freeze)
