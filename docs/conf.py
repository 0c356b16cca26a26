"""Sphinx configuration: `make docs` builds docs/_build/html and fails on any warning."""

import sys
from pathlib import Path

from sphinx.application import Sphinx

import avis

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.helpers.model_zoo import insert_table

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


def insert_models(app: Sphinx, page: str, source: list[str]) -> None:
    """Write the table of all models, which the metafiles contain, into its page."""
    if page == 'model_zoo':
        source[0] = insert_table(source[0])


def setup(app: Sphinx) -> None:
    """Connect the functions of this file."""
    app.connect('source-read', insert_models)
