"""Write the report as one HTML file that needs no network.

The file contains Plotly once. The scores are plain JSON; Plotly and the timelines are compressed
and unpacked by the browser after the summary and the table of videos are shown.
"""

import base64
import gzip
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from avis.report.data import Content, build_report, pack_timelines
from avis.report.media import describe_media, find_media
from avis.report.results import MethodResult
from avis.utils.atomic import write_atomic

_TEMPLATES = Path(__file__).parent / 'templates'
_SCRIPTS = ('page.js', 'charts.js', 'videos.js', 'viewer.js')
_INSTALL = "pip install 'avis[report]'"


def write_report(
    methods: Sequence[MethodResult],
    out: str | Path,
    *,
    title: str = 'Evaluation report',
    media: str | Path | None = None,
) -> None:
    """Write the report of one or several methods.

    Args:
        methods: From :func:`avis.report.results.load_results`.
        out: The HTML file.
        title: Heading of the report.
        media: Folder with ``NAME.mp4``, ``NAME/video.mp4`` or frames in ``NAME/`` for the videos;
            by default the folder of the report.

    Raises:
        ImportError: Plotly or Jinja2 is missing; the message says how to install them.
    """
    plotly, environment = _plotly_script(), _environment()
    out = Path(out)
    content = build_report(methods, title=title)
    names = content['videos']['names']
    timelines = pack_timelines(methods, names)
    has_timelines = any(any(entry) for entry in timelines)
    content['media'], strips = _collect_media(names, out, Path(media or out.parent))
    data = _script_json(content)
    page = environment.get_template('report.html').render(
        report=content,
        nonce=base64.b64encode(hashlib.sha256(data.encode()).digest()).decode(),
        style=(_TEMPLATES / 'report.css').read_text(encoding='utf-8'),
        scripts=[(_TEMPLATES / name).read_text(encoding='utf-8') for name in _SCRIPTS],
        data=data,
        timelines=_pack(msgspec.json.encode(timelines)) if has_timelines else '',
        strips=_script_json(strips),
        plotly=plotly,
    )
    write_atomic(out, page, errors='backslashreplace')


def _collect_media(
    names: Sequence[str], out: Path, folder: Path
) -> tuple[dict[int, Any], dict[int, str]]:
    """Address and duration, and strip, of each video that has media, by index."""
    sources: dict[int, Any] = {}
    strips: dict[int, str] = {}
    for index, name in enumerate(names):
        path = find_media(name, folder)
        found = None if path is None else describe_media(path, out)
        if found is not None:
            sources[index] = [found.source, found.seconds]
            strips[index] = found.strip
    return sources, strips


def _script_json(value: Content | Any) -> str:
    """JSON that cannot end the script element that contains it."""
    text = msgspec.json.encode(value).decode()
    for character in '<>&\u2028\u2029':
        text = text.replace(character, f'\\u{ord(character):04x}')
    return text


def _pack(data: bytes) -> str:
    """Gzip as base64; the same input gives the same text."""
    return base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()


@cache
def _plotly_script() -> str:
    """The packed source of plotly.js from the package plotly."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise ImportError(f'reports need plotly, which is not installed: {_INSTALL}') from error
    return _pack(get_plotlyjs().encode())


def _environment() -> Any:
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise ImportError(f'reports need Jinja2, which is not installed: {_INSTALL}') from error
    return Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined
    )
