"""Kill the tools and run them again: ``python -m tests.kills --kills 50 --seed 0``.

Start reading at :mod:`tests.kills.__main__`. :mod:`tests.kills.tools` lists the tools with tiny
inputs, :mod:`tests.kills.child` is the process that is killed, and :mod:`tests.kills.comparison`
compares what the tools wrote.
"""
