"""Scores of avis on the recorded inputs of reference evaluators, one module per set.

``tests/golden_metrics/<set>.py`` defines

- ``compute(folder, work)``: what avis computes for the files in ``folder``, a nested dictionary
  with the keys of ``expected.json``; ``work`` is an empty folder for temporary files. Other cases,
  sizes and seeds of the same format work too. Files go through ``avis.apis.evaluate``.
- ``expected(folder)``: the recorded values with the same keys. Most sets use
  :func:`tests.golden_metrics.comparison.read_expected`.
- ``TOLERANCES``: the largest difference of a number, by the pattern of its path; the first pattern
  that matches counts.
- ``SKIPPED``: why values are not computed, by the pattern of their path.
"""
