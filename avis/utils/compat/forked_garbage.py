"""Forked processes do not collect the garbage of their parent.

Reason: PyAV converts images with threads of FFmpeg, and freeing a frame waits for each of them. In
a forked process, such as a worker of a data loader, these threads do not exist: a frame that the
parent left in a reference cycle blocks the garbage collector of the child forever. A child
therefore starts with an empty collector (``gc.freeze``); its own objects are collected as usual.
Ends with: Python 3.14, where processes are no longer forked by default.
"""

import functools
import gc
import os


@functools.cache
def install() -> None:
    """Apply to every process forked from now on."""
    os.register_at_fork(after_in_child=gc.freeze)
