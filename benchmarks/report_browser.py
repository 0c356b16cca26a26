"""Open a report of synthetic results in headless Chromium, use every control, and time it.

Needs Chromium and ``pip install playwright``. Screenshots at desktop and phone width, light and
dark, are written beside the report.

Example: python benchmarks/report_browser.py --out work_dirs/report_browser --videos 1000
"""

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # avis of this clone

from avis.report.page import write_report
from avis.report.results import load_results
from avis.utils.mp4 import write_mp4
from benchmarks.report_data import FPS, FRAMES, HOSTILE, write_results

_TIMES = """() => [
    performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd,
    performance.getEntriesByType('paint').at(-1)?.startTime ?? NaN]"""
DESKTOP, PHONE = {'width': 1280, 'height': 900}, {'width': 390, 'height': 844}


def write_media(folder: Path) -> None:
    """A video of moving stripes for the first video of the report."""
    stripes = np.arange(160)[None, :, None] // 8 + np.zeros((96, 1, 3), int)
    frames = (np.uint8(128 + 100 * np.sin(stripes + t / 10)) for t in range(FRAMES))
    write_mp4(folder / 'talk_0000.mp4', frames, fps=FPS)


@contextmanager
def open_page(browser: Any, address: str, **options: Any) -> Iterator[Any]:
    """Open the report and print the seconds until paint, table of videos and first chart.

    Raises:
        AssertionError: The page logged an error, or asked for anything but itself and its media.
    """
    page = browser.new_page(**options)
    page.set_default_timeout(120_000)  # a machine that is busy with other work
    errors: list[str] = []
    page.on('console', lambda line: errors.append(line.text) if line.type == 'error' else None)
    page.on('pageerror', lambda error: errors.append(str(error)))
    requests: list[str] = []
    page.on('request', lambda request: requests.append(request.url))
    metrics = page.context.new_cdp_session(page)
    metrics.send('Performance.enable', {'timeDomain': 'threadTicks'})
    page.goto(address)
    # The table is filled by scripts that run while the file is parsed.
    loaded, painted = page.evaluate(_TIMES)
    page.locator('#methods-chart').scroll_into_view_if_needed()
    page.wait_for_selector('#methods-chart[data-drawn]')
    drawn = page.evaluate('() => performance.now()')
    print(
        f'painted after {painted / 1000:.2f} s, table of videos after {loaded / 1000:.2f} s, '
        f'first chart after {drawn / 1000:.2f} s; main thread {_busy(metrics):.2f} s of CPU'
    )
    yield page
    assert not errors, errors
    others = [u for u in requests if not u.startswith(('data:', 'blob:', address))]
    assert all(url.endswith('.mp4') for url in others), others
    page.close()


def _busy(metrics: Any) -> float:
    """CPU seconds of the main thread of the page, which other processes do not change."""
    values = {
        item['name']: item['value'] for item in metrics.send('Performance.getMetrics')['metrics']
    }
    return float(values['TaskDuration'])


def first_cell(page: Any, column: int = 1) -> str:
    """Text of a cell in the first row of the table of videos."""
    return str(page.inner_text(f'#table tbody tr:first-child > :nth-child({column})'))


def check_table(page: Any) -> None:
    """Sort by mouse and keyboard, search, and turn pages."""
    page.click('#table th[data-key="score-0"] button')
    lowest = float(first_cell(page, 2))
    assert page.get_attribute('#table th[data-key="score-0"]', 'aria-sort') == 'ascending'
    page.keyboard.press('Enter')  # the heading has kept the focus
    assert page.get_attribute('#table th[data-key="score-0"]', 'aria-sort') == 'descending'
    assert float(first_cell(page, 2)) > lowest
    page.fill('#search', 'TALK_0007')
    assert page.inner_text('#found').startswith('1 of')
    page.fill('#search', '<script>')
    assert first_cell(page) == HOSTILE
    page.fill('#search', 'no such video')
    assert page.inner_text('#found').startswith('0 of')
    page.fill('#search', '')
    if page.is_enabled('#next-page'):
        before = first_cell(page)
        page.click('#next-page')
        assert first_cell(page) != before
        page.click('#previous-page')
        assert first_cell(page) == before
    page.select_option('#metric', 'MOTA')
    assert page.inner_text('#table th[data-key="score-0"]').startswith('MOTA')
    page.select_option('#metric', 'HOTA')


def check_charts(page: Any) -> None:
    """Draw every chart, switch what they show, and read their numbers."""
    for figure in page.query_selector_all('figure'):
        figure.scroll_into_view_if_needed()
        name = figure.get_attribute('id')
        page.wait_for_selector(f'#{name}[data-drawn] .main-svg')
        figure.query_selector('summary').click()
        page.wait_for_selector(f'#{name} details table tbody tr')
    heading = '#conditions-chart details th'
    for attribute in page.eval_on_selector_all('#attribute option', 'all => all.map(o => o.value)'):
        page.select_option('#attribute', attribute)
        page.wait_for_function(
            '([where, text]) => document.querySelector(where).textContent === text',
            arg=[heading, attribute],
        )
    page.select_option('#decomposed', index=0)


def check_viewer(page: Any) -> None:
    """Open a video, move the cursor, zoom, change the method, and leave by the keyboard."""
    page.fill('#search', 'talk')
    page.click('#table th[data-key="name"] button')
    page.focus('#table button[data-video="0"]')
    start = time.perf_counter()
    page.keyboard.press('Enter')
    page.wait_for_selector('#viewer .timeline svg rect')
    print(f'timeline after {time.perf_counter() - start:.2f} s')
    slider = '#viewer [role="slider"]'
    assert page.query_selector('#viewer .timeline .mark-who') is not None
    page.focus(slider)
    for key, frame in [('ArrowRight', 1), ('PageUp', 26), ('End', FRAMES - 1), ('Home', 0)]:
        page.keyboard.press(key)
        assert int(page.get_attribute(slider, 'aria-valuenow')) == frame, key
    assert 'frame 0' in page.inner_text('#viewer [role="status"]')
    page.click('#viewer .errors li:last-child button')
    assert int(page.get_attribute(slider, 'aria-valuenow')) > 0
    box = page.locator(f'{slider} svg').bounding_box()
    page.mouse.click(box['x'] + 0.5 * box['width'], box['y'] + 30)
    middle = int(page.get_attribute(slider, 'aria-valuenow'))
    assert 0.3 * FRAMES < middle < 0.6 * FRAMES, middle
    check_player(page, slider)
    width = page.eval_on_selector(f'{slider} svg', 'svg => svg.width.baseVal.value')
    page.click('text=Zoom in')
    assert page.eval_on_selector(f'{slider} svg', 'svg => svg.width.baseVal.value') > 1.5 * width
    page.click('text=Zoom out')
    page.select_option('#viewer-method', '1')
    page.click('#next-video')
    page.wait_for_selector('#viewer-title:text-is("talk_0001")')
    page.click('#previous-video')
    page.wait_for_selector('#viewer-title:text-is("talk_0000")')
    page.keyboard.press('Escape')
    page.wait_for_selector('#viewer', state='hidden')
    assert page.evaluate('document.activeElement.dataset.video') == '0'
    page.fill('#search', '')


def check_player(page: Any, slider: str) -> None:
    """The player seeks to the cursor, and the cursor follows the player."""
    page.wait_for_selector('#viewer .strip')
    page.focus(slider)
    page.keyboard.press('Home')
    for _ in range(5):
        page.keyboard.press('PageUp')
    page.wait_for_function(
        '() => Math.abs(document.querySelector("#viewer video").currentTime - 5.02) < 0.05'
    )
    page.eval_on_selector('#viewer video', 'video => { video.muted = true; return video.play(); }')
    page.wait_for_selector(f'{slider}:not([aria-valuenow="125"])')
    page.wait_for_function('() => document.querySelector("#viewer video").currentTime > 5.5')
    page.wait_for_function(
        '(where) => Number(document.querySelector(where).getAttribute("aria-valuenow")) > 135',
        arg=slider,
    )
    page.eval_on_selector('#viewer video', 'video => video.pause()')


def shoot(page: Any, folder: Path, name: str) -> None:
    """Screenshots of the whole page and of an open video."""
    for figure in page.query_selector_all('figure'):
        figure.scroll_into_view_if_needed()
        page.wait_for_selector(f'#{figure.get_attribute("id")}[data-drawn] .main-svg')
    page.evaluate('window.scrollTo(0, 0)')
    page.screenshot(path=folder / f'{name}.png', full_page=True)
    page.click('#table button[data-video="0"]')
    page.wait_for_selector('#viewer .timeline svg rect')
    page.wait_for_timeout(500)  # the first frame of the player
    page.screenshot(path=folder / f'{name}_video.png')
    page.keyboard.press('Escape')


def run(browser: Any, address: str, folder: Path) -> None:
    """All checks and screenshots."""
    title = 'Synthetic results'
    with open_page(browser, address, viewport=DESKTOP, color_scheme='light') as page:
        check_table(page)
        check_charts(page)
        check_viewer(page)
        page.click('#theme')
        assert page.get_attribute('html', 'data-theme') == 'dark'
        page.click('#theme')
        assert page.get_attribute('html', 'data-theme') == 'light'
        assert page.title() == title, 'the name of a video was executed'
    sizes = [('desktop', DESKTOP, 'light'), ('dark', DESKTOP, 'dark'), ('phone', PHONE, 'light')]
    for name, viewport, scheme in sizes:
        options = {'viewport': viewport, 'color_scheme': scheme}
        with open_page(browser, address, has_touch=name == 'phone', **options) as page:
            assert page.get_attribute('html', 'data-theme') == scheme
            shoot(page, folder, name)
            width = page.evaluate('document.documentElement.scrollWidth')
            assert width <= viewport['width'], f'{name}: the page is {width} pixels wide'


def main() -> None:
    """Make the report and check it."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--out', type=Path, required=True, help='folder for report and screenshots')
    parser.add_argument('--videos', type=int, default=1000)
    parser.add_argument('--chromium', default='/usr/bin/chromium', help='the browser')
    args = parser.parse_args()
    results, report = args.out / f'results_{args.videos}', args.out / f'report_{args.videos}.html'
    if not (results / 'metrics.json').is_file():
        write_results(results, args.videos)
    write_media(args.out)
    start = time.perf_counter()
    write_report(load_results([results]), report, title='Synthetic results')
    size = report.stat().st_size / 1e6
    print(f'{args.videos} videos, {size:.1f} MB, written in {time.perf_counter() - start:.1f} s')
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=args.chromium, args=['--no-sandbox'])
        run(browser, report.resolve().as_uri(), args.out)
        browser.close()
    print('every control works, no error in the console, no request beyond the report')


if __name__ == '__main__':
    main()
