"""Sphinx configuration: `make docs` builds docs/_build/html and fails on any warning."""

import avis

project = 'avis'
author = 'The avis contributors'
copyright = f'2026, {author}'
version = release = avis.__version__

extensions = [
    'myst_parser',
    'sphinx.ext.autodoc',
    'sphinx.ext.mathjax',
    'sphinx.ext.napoleon',
]
exclude_patterns = ['_build']

myst_enable_extensions = ['colon_fence', 'deflist', 'dollarmath']
myst_heading_anchors = 3

autodoc_member_order = 'bysource'
autodoc_typehints = 'signature'
autodoc_typehints_format = 'short'
python_maximum_signature_line_length = 88

html_theme = 'furo'
html_title = f'avis {release}'
html_show_sourcelink = False
