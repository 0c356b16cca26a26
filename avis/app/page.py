"""The page: upload or record a video, choose a model, see and download what it finds."""

import html
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from mmengine.logging import print_log

from avis.app.prediction import Models, Prediction, predict_upload
from avis.app.uploads import SessionFiles, UploadError, UploadLimits, check_upload

_RATES = ['all frames', '25', '12.5', '5', '1']
_PROGRESS = gr.Progress()
STYLE = """
footer { display: none !important; }
/* Trimming fetches code from another server. */
#video button[aria-label*="rim"], #video button[aria-label*="eset"] { display: none; }
#downloads button[aria-label*="emove"] { display: none; }
.message p { font-weight: 600; margin: 0.5em 0; }
.summary table { border-collapse: collapse; }
.summary td, .summary th { padding: 0.2em 1em 0.2em 0; text-align: left; }
"""


class Page:
    """What happens on the page.

    Args:
        models: Models to choose from.
        limits: What may be uploaded.
        folder: Folder of uploads and results.
    """

    def __init__(self, models: Models, limits: UploadLimits, folder: Path) -> None:
        self.models = models
        self.limits = limits
        self.folder = folder
        self.files = SessionFiles()

    def build(self) -> gr.Blocks:
        """Return the page, ready to launch."""
        with gr.Blocks(title='avis', analytics_enabled=False, delete_cache=(600, 7200)) as page:
            gr.Markdown('# avis\nWho sounds, where and when, in a video of yours.')
            with gr.Row():
                with gr.Column():
                    video, model, rate, button, message = self._inputs()
                with gr.Column():
                    shown = self._outputs()
            private: dict[str, Any] = {'api_visibility': 'private'}
            gr.on(
                [video.upload, video.stop_recording],
                self.check,
                [video],
                [video, message],
                **private,
            )
            video.clear(self.clear, None, [message], **private)
            button.click(
                self.predict,
                [video, model, rate],
                [message, *shown],
                concurrency_limit=1,
                **private,
            )
            page.unload(self.close)
        return page.queue(max_size=20, api_open=False)

    def _inputs(self) -> tuple[gr.Video, gr.Dropdown, gr.Dropdown, gr.Button, gr.HTML]:
        video = gr.Video(
            label=f'Video (up to {self.limits.megabytes:g} MB and {self.limits.seconds:g} s)',
            sources=['upload', 'webcam'],
            include_audio=True,
            elem_id='video',
        )
        choices = self.models.choices
        model = gr.Dropdown(choices, value=choices[0][1], label='Model', elem_id='model')
        rate = gr.Dropdown(
            _RATES, value=_RATES[0], label='Frames per second to predict', elem_id='rate'
        )
        button = gr.Button('Predict', variant='primary', elem_id='predict')
        message = gr.HTML(elem_id='message', elem_classes=['message'])
        return video, model, rate, button, message

    def _outputs(self) -> list[Any]:
        # A label would cover what is drawn at the top.
        return [
            gr.Video(
                label='Annotated video',
                show_label=False,
                interactive=False,
                elem_id='annotated',
                buttons=[],
            ),
            gr.HTML(elem_id='summary', elem_classes=['summary']),
            gr.Image(
                label='Timeline',
                show_label=False,
                type='filepath',
                interactive=False,
                elem_id='timeline',
                buttons=['fullscreen'],
            ),
            gr.File(
                label='Downloads', file_count='multiple', interactive=False, elem_id='downloads'
            ),
        ]

    def check(self, video: str | None, request: gr.Request) -> tuple[Any, str]:
        """Say at once whether an upload can be predicted; else the page lets go of it."""
        if video is None:
            return gr.skip(), ''
        self.files.replace(_session(request), 'upload', Path(video))
        try:
            return gr.skip(), _sentence(check_upload(Path(video), self.limits))
        except UploadError as error:
            return None, _sentence(str(error))

    def clear(self, request: gr.Request) -> str:
        """Delete the upload."""
        self.files.replace(_session(request), 'upload', None)
        return ''

    def predict(
        self,
        video: str | None,
        model: str | None,
        rate: str,
        request: gr.Request,
        progress: gr.Progress = _PROGRESS,
    ) -> tuple[str, Any, str, Any, Any]:
        """Predict the upload; returns message, video, summary, timeline and downloads."""
        session = _session(request)
        self.files.replace(session, 'results', None)
        try:
            found = self._predict(video, model, rate, progress)
        except UploadError as error:
            return _sentence(str(error)), None, '', None, None
        except Exception as error:  # the page must survive any model and any video
            print_log(f'{video}: {error!r}', 'current', logging.ERROR)
            problem = str(error).replace(str(self.folder), '') or repr(error)
            return _sentence(problem), None, '', None, None
        self.files.replace(session, 'results', found.folder)
        downloads = [str(path) for path in found.downloads]
        return '', str(found.video), found.summary, str(found.timeline), downloads

    def _predict(
        self, video: str | None, model: str | None, rate: str, progress: gr.Progress
    ) -> Prediction:
        """Predict the upload if everything is as it must be."""
        if video is None:
            raise UploadError('Upload or record a video first.')
        if model is None or model not in self.models.found or rate not in _RATES:
            raise UploadError('Choose a model and the frames per second from the lists.')
        self.models.check(model)
        check_upload(Path(video), self.limits)
        progress(0.0, desc='loading the model')
        return predict_upload(
            self.models.load(model),
            Path(video),
            self.folder,
            fps=None if rate == _RATES[0] else float(rate),
            on_progress=_reporter(progress),
        )

    def close(self, request: gr.Request) -> None:
        """Delete the files of a page that was closed."""
        self.files.close(_session(request))


def _session(request: gr.Request) -> str:
    return str(request.session_hash)


def _sentence(text: str) -> str:
    return f'<p role="alert">{html.escape(" ".join(text.split()))}</p>' if text else ''


def _reporter(progress: gr.Progress) -> Callable[[str, int, int], None]:
    """Return a function that shows stage and frames."""

    def report(stage: str, done: int, total: int) -> None:
        progress(done / max(total, 1), desc=f'{stage}: {done} of {total} frames')

    return report
