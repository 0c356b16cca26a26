import sys

from avis.utils.memory import tune_malloc
from tests.helpers.subprocess_python import run_python

COUNT_FAULTS = """
import resource
import numpy as np
from avis.utils.memory import tune_malloc
if {keep}:
    assert tune_malloc()
np.ones((720, 1280), np.uint8)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):
    arrays = [np.ones((720, 1280), np.uint8) for _ in range(4)]
    del arrays
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_other_systems_are_not_changed(monkeypatch) -> None:
    monkeypatch.setattr(sys, 'platform', 'win32')
    assert not tune_malloc()


def test_reallocated_arrays_cause_few_page_faults() -> None:
    without, kept = (int(run_python(COUNT_FAULTS.format(keep=keep))) for keep in (False, True))
    assert kept < 0.2 * without
