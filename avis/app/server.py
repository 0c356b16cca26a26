"""Start the page on this machine; nothing is fetched from or sent to another one."""

import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from avis.app.guard import RequestGuard
from avis.app.prediction import Models
from avis.app.uploads import UploadLimits

_LOOPBACK = ('127.0.0.1', 'localhost', '::1')


@contextmanager
def serve(
    models: Models, limits: UploadLimits, *, host: str = '127.0.0.1', port: int | None = None
) -> Iterator[tuple[str, Path]]:
    """Serve the page inside a ``with`` block.

    Args:
        models: Models to choose from.
        limits: What may be uploaded.
        host: Address to listen on.
        port: Port; None for the first free one from 7860 on.

    Yields:
        Address of the page, and the folder of uploads and results, which is deleted at the end.

    Raises:
        OSError: The port is in use.
        ImportError: Gradio is not installed.
    """
    with tempfile.TemporaryDirectory(prefix='avis-app-', ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        with _environment(folder):
            page = _launch(models, limits, folder, host, port)
            try:
                yield page.local_url, folder
            finally:
                page.close(verbose=False)


def run_server(models: Models, limits: UploadLimits, *, host: str, port: int | None) -> None:
    """Serve the page until the process is told to stop."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that files are deleted
    with serve(models, limits, host=host, port=port) as (address, _):
        sys.stdout.write(f'{address}  (Ctrl+C stops the page and deletes its files)\n')
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            sys.stdout.write('\n')


def _launch(models: Models, limits: UploadLimits, folder: Path, host: str, port: int | None) -> Any:
    try:
        import gradio as gr
        from starlette.middleware import Middleware
    except ImportError as error:
        raise ImportError("avis app needs Gradio; install it: pip install 'avis[app]'") from error

    from avis.app.page import STYLE, Page

    hosts = {*_LOOPBACK, host} if host in _LOOPBACK else None
    page = Page(models, limits, folder).build()
    page.launch(
        server_name=host,
        server_port=port,
        app_kwargs={'middleware': [Middleware(RequestGuard, folder=folder, hosts=hosts)]},
        max_file_size=f'{int(limits.megabytes)}mb',
        theme=gr.themes.Default(
            font=['system-ui', 'sans-serif'], font_mono=['ui-monospace', 'monospace']
        ),
        css=STYLE,
        footer_links=[],
        prevent_thread_lock=True,
        quiet=True,
        share=False,
        pwa=False,
        ssr_mode=False,
        mcp_server=False,
        run_history=False,
        enable_monitoring=False,
        inbrowser=False,
    )
    return page


@contextmanager
def _environment(folder: Path) -> Iterator[None]:
    """Set what Gradio reads from the environment only: its folder, and no telemetry."""
    before = dict(os.environ)
    for key in [key for key in os.environ if key.startswith('GRADIO_')]:
        del os.environ[key]
    os.environ.update(GRADIO_TEMP_DIR=str(folder), GRADIO_ANALYTICS_ENABLED='False')
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
