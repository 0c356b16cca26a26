"""The page in headless Chromium: from the upload to the answer, without an error in the console."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

CHROMIUM = shutil.which('chromium')
playwright = pytest.importorskip('playwright.sync_api')
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason='chromium is not installed'),
]
TIMEOUT = 120_000  # ms; the machine may be busy with other work


@pytest.fixture(scope='module')
def browser():
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=['--no-sandbox'])
        yield browser
        browser.close()


@pytest.fixture
def page(browser, served):
    """The page; its errors and requests are checked at the end."""
    page = browser.new_page()
    page.set_default_timeout(TIMEOUT)
    errors, addresses = [], []
    page.on('console', lambda line: errors.append(line.text) if line.type == 'error' else None)
    page.on('pageerror', lambda error: errors.append(str(error)))
    page.on('request', lambda request: addresses.append(request.url))
    page.goto(served[0])
    page.wait_for_selector('#predict')
    yield page
    page.close()
    assert errors == []
    assert [a for a in addresses if not a.startswith((served[0], 'data:', 'blob:'))] == []


def choose(page, path: Path) -> None:
    page.set_input_files('#video input[type=file]', str(path))


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob('*') if path.is_file()]


def test_upload_to_answer_and_files_are_deleted_with_the_page(page, served, clip):
    before = set(files_in(served[1]))  # uploads of other tests
    choose(page, clip)
    page.wait_for_selector('#message :text("Ready to predict: 0.9 s, 64 x 32 pixels.")')
    page.click('#predict')
    page.wait_for_selector('#annotated video, #message p:not(:has-text("Ready"))')
    assert page.inner_text('#message') == ''
    page.wait_for_function("document.querySelector('#annotated video').readyState >= 1")
    page.wait_for_selector('#timeline img')
    assert page.inner_text('#summary tr:nth-child(2)').split() == ['person', '1', *2 * ['0.9', 's']]
    links = '#downloads a[download]'
    assert page.eval_on_selector_all(links, 'all => all.map(a => a.download)') == [
        *('results.json', 'speakers.csv', 'two boxes.rttm', 'two boxes.srt', 'two boxes.zip')
    ]
    with page.expect_download() as started:
        page.click('#downloads a[download="speakers.csv"]')
    assert Path(started.value.path()).read_text().startswith('start,end,')
    assert any(served[1].rglob('results.json'))
    page.goto('about:blank')
    for _ in range(600):
        page.wait_for_timeout(100)
        if before >= set(files_in(served[1])):
            break
    assert before >= set(files_in(served[1]))


def test_bad_uploads_show_one_sentence(page, tmp_path):
    page.click('#predict')
    page.wait_for_selector('#message :text("Upload or record a video first.")')
    (tmp_path / 'text.mp4').write_text('no video')
    choose(page, tmp_path / 'text.mp4')
    page.wait_for_selector('#message :text("This file is not a video that can be read")')
    soundfile.write(tmp_path / 'voice.wav', np.zeros(1600, np.float32), 16000)
    (tmp_path / 'voice.wav').rename(tmp_path / 'voice.mp4')
    choose(page, tmp_path / 'voice.mp4')
    page.wait_for_selector('#message :text("This file contains audio, but no video")')


def test_page_fits_a_phone(page):
    page.set_viewport_size({'width': 390, 'height': 844})
    assert page.evaluate('document.documentElement.scrollWidth') <= 390
