"""avis: a modular toolbox for models that look and listen.

Importing it is cheap and never imports torch; it only prepares the gaps of the stack below
(see :mod:`avis.utils.compat`).
"""

from avis.utils.compat import close_stack_gaps

__version__ = '0.1.0'

close_stack_gaps()
