"""Mutated files for every reader: ``python -m tests.fuzz --seconds 60 --seed 0``.

Start reading at :mod:`tests.fuzz.__main__`. :mod:`tests.fuzz.readers` lists the readers with their
valid seed files, :mod:`tests.fuzz.mutation` damages them, and :mod:`tests.fuzz.worker` reads the
results in a process with a memory limit.
"""
