import base64
import gzip
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from avis.report import page as report_page
from avis.report.data import pack_timelines
from avis.report.media import THUMBNAILS, find_media
from avis.report.page import write_report
from avis.report.results import MethodResult
from avis.utils.mp4 import write_mp4
from benchmarks.report_data import HOSTILE
from tests.helpers.small_sets import write_png


class Elements(HTMLParser):
    """All elements with their attributes, and the text of those with an id."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, str] = {}
        self._open = ''
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open = dict(attrs).get('id') or ''

    def handle_data(self, data: str) -> None:
        if self._open:
            self.text[self._open] = self.text.get(self._open, '') + data

    def handle_endtag(self, tag: str) -> None:
        self._open = ''

    def unpack(self, name: str) -> str:
        return gzip.decompress(base64.b64decode(self.text[name])).decode()


@pytest.fixture(scope='module')
def written(methods: list[MethodResult], tmp_path_factory) -> Path:
    """A report beside a video of the first name and frames of the second."""
    folder = tmp_path_factory.mktemp('page')
    frames = (np.full((48, 64, 3), 20 * t, np.uint8) for t in range(10))
    write_mp4(folder / 'talk_0000.mp4', frames, fps=10)
    for t in range(3):
        write_png(folder / 'talk_0001' / f'{t}.png', np.full((30, 20, 3), 90, np.uint8))
    write_report(methods, folder / 'report.html', title='Talks & <names>')
    return folder / 'report.html'


@pytest.fixture(scope='module')
def page(written: Path) -> Elements:
    return Elements(written.read_text(encoding='utf-8'))


def test_page_refers_to_nothing_outside(page: Elements) -> None:
    for tag, attributes in page.elements:
        assert tag not in ('link', 'iframe', 'object', 'embed', 'base', 'img'), tag
        assert 'src' not in attributes
        assert (attributes.get('href') or '#').startswith('#')
    policy = next(a['content'] for t, a in page.elements if 'http-equiv' in a and t == 'meta')
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert 'unsafe-eval' not in policy


def test_every_script_has_the_nonce_of_the_policy(page: Elements) -> None:
    (meta,) = (a for tag, a in page.elements if tag == 'meta' and 'http-equiv' in a)
    nonce = re.search("'nonce-([^']+)'", meta['content'] or '')
    assert nonce is not None
    scripts = [a for tag, a in page.elements if tag == 'script' and 'type' not in a]
    assert len(scripts) == 4
    assert {script['nonce'] for script in scripts} == {nonce[1]}


def test_plotly_is_contained_once(written: Path, page: Elements) -> None:
    script = page.unpack('plotly')
    assert re.search(r'plotly\.js v\d', script[:200])
    assert written.stat().st_size < 2.5e6
    assert written.read_text().count('H4sI') == 2  # gzip: Plotly and the timelines


def test_hostile_names_are_data_and_never_markup(written: Path, page: Elements) -> None:
    text = written.read_text()
    assert HOSTILE not in text
    assert '<script>document' not in text
    assert 'onerror=alert(1)>' not in text
    content = json.loads(page.text['data'])
    assert HOSTILE in content['videos']['names']
    assert content['title'] == 'Talks & <names>'
    assert '<h1>Talks &amp; &lt;names&gt;</h1>' in text


def test_hostile_names_of_methods_and_attributes_are_escaped(
    methods: list[MethodResult], tmp_path: Path
) -> None:
    bad = '</script><script>alert(1)</script>'
    scores = {**methods[0].scores, 'summary': {bad: 1.0}, 'problem_counts': {bad: 2}}
    scores['attributes'] = {name: {bad: bad} for name in scores['per_video']}
    write_report([MethodResult(bad, scores)], tmp_path / 'report.html', title=bad)
    text = (tmp_path / 'report.html').read_text()
    assert bad not in text
    assert 'alert(1)</script>' not in text
    assert json.loads(Elements(text).text['data'])['methods'][0]['name'] == bad


def test_timelines_are_packed_for_the_browser(methods: list[MethodResult], page: Elements) -> None:
    names = json.loads(page.text['data'])['videos']['names']
    assert json.loads(page.unpack('timelines')) == pack_timelines(methods, names)


def test_summary_is_readable_without_scripts(page: Elements, written: Path) -> None:
    text = written.read_text()
    score, low, high = json.loads(page.text['data'])['summary']['HOTA'][0]
    assert f'{score:.2f} <small>[{low:.2f}, {high:.2f}]</small>' in text


def test_media_beside_the_report_are_linked(page: Elements) -> None:
    content, strips = json.loads(page.text['data']), json.loads(page.text['strips'])
    source, seconds = content['media']['0']
    assert source == './talk_0000.mp4'
    assert seconds == pytest.approx(1.0, abs=0.02)
    assert content['media']['1'] == [None, None]  # frames have no player
    assert set(strips) == {'0', '1'}
    assert base64.b64decode(strips['0']).startswith(b'\xff\xd8')  # JPEG
    assert len(strips['0']) < 2000 * THUMBNAILS


def test_media_are_found_by_name_inside_the_folder_only(tmp_path: Path) -> None:
    folder = tmp_path / 'media'
    (folder / 'b.c').mkdir(parents=True)
    for path in ('a.b.webm', 'b.c/video.mp4', '../outside.mp4'):
        (folder / path).touch()
    assert find_media('a.b', folder) == folder / 'a.b.webm'
    assert find_media('b.c', folder) == folder / 'b.c' / 'video.mp4'
    for name in ('../outside', 'c', '', '.', 'a\0b', str(tmp_path / 'outside')):
        assert find_media(name, folder) is None


def test_broken_media_are_left_out(methods: list[MethodResult], tmp_path: Path) -> None:
    (tmp_path / 'talk_0000.mp4').write_bytes(b'no video')
    write_report(methods, tmp_path / 'report.html')
    assert json.loads(Elements((tmp_path / 'report.html').read_text()).text['data'])['media'] == {}


def test_same_results_give_the_same_file(methods: list[MethodResult], tmp_path: Path) -> None:
    for name in ('a.html', 'b.html'):
        write_report(methods[:1], tmp_path / name)
    assert (tmp_path / 'a.html').read_bytes() == (tmp_path / 'b.html').read_bytes()


@pytest.mark.parametrize(('module', 'name'), [('plotly.offline', 'plotly'), ('jinja2', 'Jinja2')])
def test_missing_package_is_named_with_the_command_to_install_it(
    methods: list[MethodResult], tmp_path: Path, monkeypatch, module: str, name: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    report_page._plotly_script.cache_clear()
    with pytest.raises(ImportError, match=rf"{name}, which .* pip install 'avis\[report\]'"):
        write_report(methods, tmp_path / 'report.html')
