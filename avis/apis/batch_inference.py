"""Predict many videos into a folder, and resume an interrupted run.

Each video gets a folder ``<name>/`` with an annotated video, a timeline, and the result files of
:mod:`avis.export`. ``results.json`` is written last: if it exists, the video is complete. An error
of one video is logged, with its traceback if it is unexpected, and the other videos are predicted.
A video that another process predicts into the same folder is such an error.
"""

import contextlib
import json
import logging
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from torch import nn

from avis.apis.checkpoint import init_model, warn_of_random_weights
from avis.apis.inference import class_names, predict_video
from avis.apis.inference_options import InferenceOptions
from avis.apis.inference_summary import InferenceSummary
from avis.apis.media_inputs import FoundInputs, VideoInput, check_inputs, find_inputs
from avis.apis.progress import InferenceProgress
from avis.apis.video_records import log_skipped, video_record
from avis.apis.video_results import to_video_result
from avis.avtracker.interfaces import ModelUnavailable
from avis.avtracker.tracked_video import StageFailure
from avis.datasets.readers.errors import BrokenDataError
from avis.export import read_results, read_settings, write_exports
from avis.export.formats import DEFAULT_FORMATS
from avis.export.results import RESULTS_FILE
from avis.structures.av_data_sample import AVDataSample
from avis.structures.video_record import VideoRecord
from avis.structures.video_result import VideoResult
from avis.utils.atomic import check_writable, remove_stale_parts
from avis.utils.folder_lock import folder_lock, remove_stale_lock
from avis.visualization.annotated_video import write_annotated_video
from avis.visualization.follow_video import follow_file_name, write_follow_video
from avis.visualization.timeline import write_timeline

VIDEO_FILE, TIMELINE_FILE = 'video.mp4', 'timeline.png'
RECORD_FILE = 'avtracker.json'


@dataclass(frozen=True)
class InferenceJob:
    """A video to predict.

    Attributes:
        name: Name of the video.
        source: Its files.
        folder: Folder of its results; None to write nothing.
        common: Settings on which the results of all videos depend.
    """

    name: str
    source: VideoInput
    folder: Path | None
    common: dict[str, Any]

    def settings(self) -> dict[str, Any]:
        """Return all settings, with the state of the files."""
        reading = self.source.reading()
        audio = reading.pop('audio')
        given = {key: value for key, value in reading.items() if key == 'fps' or value is not None}
        return {
            **self.common,
            **given,
            'audio': None if audio is None else fingerprint(audio),
            'video': fingerprint(self.source.path),
        }


@dataclass
class Outcome:
    """What became of a video.

    Attributes:
        job: The video.
        error: Why there is no result, in one line; '' if there is one.
        record: How the video was read.
        sample: Prediction of the model.
        result: The same as it is written; None after an error.
    """

    job: InferenceJob
    error: str = ''
    record: VideoRecord | None = None
    sample: AVDataSample | None = None
    result: VideoResult | None = None


def infer(
    config: str | Path,
    checkpoint: str | Path | None,
    inputs: str | Path | Sequence[str | Path] | FoundInputs,
    out: str | Path,
    *,
    device: str = 'auto',
    cfg_options: dict[str, Any] | None = None,
    summary: InferenceSummary | None = None,
    **options: Any,
) -> dict[str, str]:
    """Predict all videos whose results are not complete yet.

    Args:
        config: Config of the model.
        checkpoint: Weights of the model; None for random ones.
        inputs: Videos, see :func:`~avis.apis.media_inputs.find_inputs`; or what it returned, if the
            user has been told what is wrong with them.
        out: Folder of the results.
        device: Device of the model; 'auto' for the GPU if there is one.
        cfg_options: Overrides of the config, dotted key to value.
        summary: Collects who sounds how long, and warnings.
        options: Fields of :class:`~avis.apis.inference_options.InferenceOptions`.

    Returns:
        Error messages by video; empty if all are complete.

    Raises:
        FileNotFoundError: Config, checkpoint or an input does not exist.
        OSError: ``out`` cannot be written.
        TypeError: There is no such option.
        ValueError: There is no video, two videos have the same name, one audio file is given
            for several videos, or an option is invalid.
    """
    chosen = InferenceOptions(**options)
    is_told = isinstance(inputs, FoundInputs)
    found = inputs if isinstance(inputs, FoundInputs) else find_inputs(inputs, **chosen.reading())
    if not is_told:
        log_skipped_entries(found)
    common = common_settings(config, checkpoint, cfg_options, chosen)
    check_writable(out)
    jobs = plan_inference(found.videos, out, common)
    done = {job.name: job for job in jobs if is_done(job, chosen)}
    todo = [job for job in jobs if job.name not in done]
    print_log(f'{len(done)} of {len(jobs)} videos are complete already', 'current')
    export_again(list(done.values()), chosen)
    failed = refuse_inputs(todo, tell=not is_told)
    todo = [job for job in todo if job.name not in failed]
    if not todo:
        return failed
    model: Any = init_model(config, checkpoint, device, cfg_options)
    warn_of_random_weights(model.cfg, checkpoint)
    with InferenceProgress(len(todo)) as progress:
        for outcome in run_jobs(model, todo, chosen, progress):
            if summary is not None and outcome.result is not None:
                summary.add(outcome.result, outcome.job.folder)
            if outcome.error:
                failed[outcome.job.name] = outcome.error
    return failed


def find_videos(inputs: Sequence[str | Path]) -> Iterator[tuple[str, Path]]:
    """Yield names and paths of the videos among the inputs; what is passed over is logged.

    See :func:`~avis.apis.media_inputs.find_inputs`.
    """
    found = find_inputs(inputs)
    log_skipped_entries(found)
    yield from ((name, video.path) for name, video in found.videos.items())


def log_skipped_entries(found: FoundInputs) -> None:
    """Log the entries of folders that are passed over."""
    for folder, skipped in found.skipped.items():
        log_skipped(folder, skipped)


def common_settings(
    config: str | Path,
    checkpoint: str | Path | None,
    cfg_options: Mapping[str, Any] | None,
    options: InferenceOptions,
) -> dict[str, Any]:
    """Return the settings on which the results of all videos depend; JSON values."""
    return {
        'config': str(config),
        'checkpoint': None if checkpoint is None else fingerprint(Path(checkpoint)),
        'cfg_options': {key: str(value) for key, value in (cfg_options or {}).items()},
        'size': options.size,
        'overlap': options.overlap,
        **({'amp': True} if options.amp else {}),
    }


def plan_inference(
    videos: Mapping[str, VideoInput], out: str | Path | None, common: dict[str, Any]
) -> list[InferenceJob]:
    """Return a job per video, with its folder below ``out``; None writes nothing."""
    return [
        InferenceJob(name, source, None if out is None else Path(out) / name, common)
        for name, source in videos.items()
    ]


def refuse_inputs(jobs: Sequence[InferenceJob], *, tell: bool = True) -> dict[str, str]:
    """Return why some videos cannot be predicted; with ``tell`` log it, and warnings of others."""
    checked = check_inputs({job.name: job.source for job in jobs})
    if not tell:
        return dict(checked.problems)
    for name, problem in checked.problems.items():
        print_log(f'{name}: {problem}', 'current', logging.ERROR)
    for name, warning in checked.warnings.items():
        print_log(f'{name}: {warning}', 'current', logging.WARNING)
    return dict(checked.problems)


def run_jobs(
    model: nn.Module,
    jobs: Sequence[InferenceJob],
    options: InferenceOptions,
    progress: InferenceProgress,
) -> Iterator[Outcome]:
    """Predict videos one after the other, and write their results.

    Args:
        model: The model.
        jobs: The videos.
        options: How they are predicted, and what is written.
        progress: Shows the progress.

    Yields:
        What became of each video.
    """
    if not jobs:
        return
    classes = class_names(model)  # an error of the config concerns all videos
    for job in jobs:
        progress.start_video(job.name, job.source.estimated_frames())
        try:
            with contextlib.nullcontext() if job.folder is None else folder_lock(job.folder):
                outcome = _predict(job, model, classes, options, progress)
                if outcome.result is not None and job.folder is not None:
                    progress.start_stage('writing')
                    assert outcome.record is not None
                    write_outputs(job.folder, outcome.record, outcome.result, options)
        except Exception as error:  # must not stop the other videos
            if _concerns_all(error):
                raise
            outcome = Outcome(job, _log_failure(job.name, error))
        progress.finish_video()
        yield outcome


def _predict(
    job: InferenceJob,
    model: Any,
    classes: Sequence[str],
    options: InferenceOptions,
    progress: InferenceProgress,
) -> Outcome:
    """Predict one video."""
    if job.folder is not None:
        remove_stale_parts(job.folder)
        if hasattr(model, 'record_file'):
            model.record_file = job.folder / RECORD_FILE
    settings = job.settings()
    record = video_record(job.source.path, **job.source.reading())
    sample = predict_video(
        model,
        record,
        on_window=progress.update,
        on_stage=progress.start_stage,
        **options.windows(),
    )
    if 'failure' in sample:  # logged where it occurred; predicted again next time
        return Outcome(job, str(sample.failure), record, sample)
    result = to_video_result(record, sample, classes, settings=settings)
    return Outcome(job, '', record, sample, result)


def write_outputs(
    folder: Path, record: VideoRecord, result: VideoResult, options: InferenceOptions
) -> None:
    """Write the files of one video, each atomically, ``results.json`` last."""
    if options.video:
        write_annotated_video(folder / VIDEO_FILE, record, result, **options.drawing())
        write_timeline(folder / TIMELINE_FILE, record, result)
    if options.follow is not None:
        path = folder / follow_file_name(options.follow)
        write_follow_video(path, record, result, options.follow)
    if options.results:
        write_exports(folder, result, [*DEFAULT_FORMATS, *options.export])


def is_done(job: InferenceJob, options: InferenceOptions) -> bool:
    """Whether there are results of the same video, model and settings."""
    if job.folder is None or not options.results:
        return False
    results = job.folder / RESULTS_FILE
    written = [results, *([job.folder / VIDEO_FILE] if options.video else [])]
    if not all(path.is_file() for path in written):
        return False
    try:
        return read_settings(results) == json.loads(json.dumps(job.settings()))
    except (OSError, ValueError) as error:
        print_log(
            f'{results} cannot be read ({error}): {job.name} is predicted again',
            'current',
            logging.WARNING,
        )
        return False


def export_again(jobs: Sequence[InferenceJob], options: InferenceOptions) -> None:
    """Write further formats, and the video that follows the speaker, of complete videos."""
    for job in jobs:
        if job.folder is None:
            continue
        remove_stale_lock(job.folder)
        if options.export:
            write_exports(job.folder, read_results(job.folder), options.export)
        if options.follow is None:
            continue
        path = job.folder / follow_file_name(options.follow)
        if not path.is_file():
            record = video_record(job.source.path, **job.source.reading())
            write_follow_video(path, record, read_results(job.folder), options.follow)


def fingerprint(path: Path) -> list[Any]:
    """Return path, size and modification time of a file, by which changes are detected."""
    status = path.stat()
    return [str(path.resolve()), status.st_size, status.st_mtime]


def _concerns_all(error: Exception) -> bool:
    """Whether the other videos would fail, too: a package or a model is missing."""
    cause = error.cause if isinstance(error, StageFailure) else error
    return isinstance(cause, ModelUnavailable | ImportError)


def _log_failure(name: str, error: Exception) -> str:
    """Log the error of a video; return it as one line."""
    # A worker process sends its traceback as the text of the error.
    reason = str(error).strip().rsplit('\n', 1)[-1]
    expected = isinstance(error, BrokenDataError | OSError)
    reason = reason if expected and reason else f'{type(error).__name__}: {reason}'
    details = '' if expected else f'\n{traceback.format_exc()}'
    print_log(f'{name}: {reason}{details}', 'current', logging.ERROR)
    return reason
