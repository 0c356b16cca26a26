"""Run any model of avis on any video, in the manner of the inferencers of OpenMMLab."""

import copy
import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, TypeAlias, cast

import numpy as np
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.infer import BaseInferencer
from numpy.typing import NDArray
from torch import nn

from avis.apis.batch_inference import (
    InferenceJob,
    Outcome,
    common_settings,
    export_again,
    is_done,
    log_skipped_entries,
    plan_inference,
    refuse_inputs,
    run_jobs,
)
from avis.apis.checkpoint import init_model, resolve_device, warn_of_random_weights
from avis.apis.config import load_config
from avis.apis.inference_options import InferenceOptions
from avis.apis.media_inputs import find_inputs
from avis.apis.models import find_model
from avis.apis.progress import InferenceProgress, OnProgress
from avis.apis.video_records import video_record
from avis.datasets.av_dataset import build_transforms
from avis.export import read_results
from avis.structures.av_data_sample import AVDataSample
from avis.structures.video_record import VideoRecord
from avis.structures.video_result import VideoResult
from avis.utils.atomic import check_writable
from avis.utils.file_names import safe_file_name
from avis.visualization.annotated_video import annotated_frames

Input: TypeAlias = str | Path | BinaryIO


class AVInferencer(BaseInferencer):
    """Predicts videos with a model for any task: AVS, AVSS, AVIS or speaker tracking.

    Args:
        model: Config file, name of a config, alias (:func:`~avis.apis.models.list_models`), or a
            loaded config.
        weights: Checkpoint; None for random weights, or for none where a model has none to load.
        device: 'auto' for the GPU if there is one, else the CPU; or 'cpu', 'cuda', 'cuda:1', ...
        cfg_options: Overrides of the config, dotted key to value.
        show_progress: Show a progress bar on a terminal.

    Raises:
        FileNotFoundError: Model or weights do not exist.
        ValueError: The config or the weights are invalid.
    """

    preprocess_kwargs: ClassVar[set[str]] = {
        'audio',
        'audio_track',
        'fps',
        'start',
        'end',
        'expression',
    }
    forward_kwargs: ClassVar[set[str]] = {'size', 'overlap', 'batch_size', 'num_workers', 'amp'}
    visualize_kwargs: ClassVar[set[str]] = {'return_vis', 'no_save_vis', 'style', 'opacity'}
    postprocess_kwargs: ClassVar[set[str]] = {'out_dir', 'no_save_pred', 'export'}

    def __init__(
        self,
        model: str | Path | Config,
        weights: str | Path | None = None,
        device: str = 'auto',
        *,
        cfg_options: Mapping[str, Any] | None = None,
        show_progress: bool = True,
    ) -> None:
        if isinstance(model, Config):
            config, name = copy.deepcopy(model), _name_of(model)
            config.merge_from_dict(dict(cfg_options or {}))
        else:
            found = find_model(model)
            config, name = load_config(found.config, cfg_options), str(found.config)
            if weights is None and found.weights is not None and Path(found.weights).is_file():
                weights = found.weights
        self._origin = (name, weights, dict(cfg_options or {}))
        super().__init__(
            config, weights, resolve_device(device), scope='avis', show_progress=show_progress
        )
        warn_of_random_weights(self.cfg, weights)

    def __call__(  # type: ignore[override]
        self,
        inputs: Input | Sequence[Input],
        *,
        return_datasamples: bool = False,
        return_vis: bool = False,
        out_dir: str | Path | None = None,
        no_save_vis: bool = False,
        no_save_pred: bool = False,
        on_progress: OnProgress | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """Predict videos.

        Videos with results of the same model, files and settings in ``out_dir`` are read instead of
        predicted, unless data samples are wanted. An error of one video does not stop the others.

        Args:
            inputs: A video file, an open binary file, a folder of frames, a folder of videos, an
                image, a glob pattern, a YAML list, or a list of these; see
                :func:`~avis.apis.media_inputs.find_inputs`.
            return_datasamples: Return data samples instead of results.
            return_vis: Return the annotated frames too; for short videos only.
            out_dir: Folder in which each video gets a folder of its own; None writes nothing.
            no_save_vis: Write no annotated video and no timeline.
            no_save_pred: Write no result files.
            on_progress: Called with the name of the running stage, the number of frames for which
                it is done, and the number of frames of the video.
            options: Fields of :class:`~avis.apis.inference_options.InferenceOptions`, such as
                ``fps``, ``start``, ``end``, ``batch_size`` and ``style``.

        Returns:
            ``predictions``: a :class:`~avis.structures.video_result.VideoResult` (or
            :class:`~avis.structures.av_data_sample.AVDataSample`) per video that succeeded;
            ``visualization``: their frames uint8 (T, H, W, 3) if wanted, else empty; ``failed``:
            error messages by video.

        Raises:
            FileNotFoundError: An input does not exist.
            TypeError: There is no such option.
            ValueError: An option is invalid, or no input can be predicted; the message says what
                is possible.
        """
        chosen = InferenceOptions(
            **{'video': not no_save_vis, 'results': not no_save_pred} | options
        )
        if out_dir is not None:
            check_writable(out_dir)
        with _as_files(inputs) as paths:
            jobs = self._plan(paths, out_dir, chosen)
            outcomes = self._run(jobs, chosen, keep=return_datasamples, on_progress=on_progress)
            visualization = self.visualize(jobs, outcomes, chosen) if return_vis else []
        return self.postprocess(outcomes, visualization, return_datasamples)

    def _plan(
        self, paths: Sequence[str | Path], out_dir: str | Path | None, options: InferenceOptions
    ) -> list[InferenceJob]:
        """Return a job per video."""
        found = find_inputs(paths, **options.reading())
        log_skipped_entries(found)
        common = common_settings(*self._origin, options)
        return plan_inference(found.videos, out_dir, common)

    def _run(
        self,
        jobs: Sequence[InferenceJob],
        options: InferenceOptions,
        *,
        keep: bool,
        on_progress: OnProgress | None,
    ) -> list[Outcome]:
        """Read or predict each video."""
        done = {} if keep else {job.name: job for job in jobs if is_done(job, options)}
        export_again(list(done.values()), options)
        problems = refuse_inputs([job for job in jobs if job.name not in done])
        if problems and len(problems) == len(jobs):
            raise ValueError(' '.join(problems.values()))
        outcomes = {
            job.name: Outcome(job, problems[job.name])
            if job.name in problems
            else Outcome(job, result=read_results(cast(Path, job.folder)))
            for job in jobs
            if job.name in done or job.name in problems
        }
        todo = [job for job in jobs if job.name not in outcomes]
        with InferenceProgress(
            len(todo), visible=self.show_progress, on_progress=on_progress
        ) as progress:
            for outcome in run_jobs(self.model, todo, options, progress):
                if not keep:
                    outcome.sample = None
                outcomes[outcome.job.name] = outcome
        return [outcomes[job.name] for job in jobs]

    def visualize(  # type: ignore[override]
        self, inputs: Sequence[InferenceJob], preds: Sequence[Outcome], options: InferenceOptions
    ) -> list[NDArray[np.uint8]]:
        """Return the annotated frames of the videos that succeeded, each uint8 (T, H, W, 3).

        Args:
            inputs: The videos.
            preds: What became of them.
            options: How masks are drawn.
        """
        shown = []
        for job, outcome in zip(inputs, preds, strict=True):
            if outcome.result is not None:
                record = outcome.record or _read_record(job)
                frames = annotated_frames(record, outcome.result, **options.drawing())
                shown.append(np.stack(list(frames)))
        return shown

    def postprocess(  # type: ignore[override]
        self,
        preds: Sequence[Outcome],
        visualization: Sequence[NDArray[np.uint8]],
        return_datasample: bool = False,
    ) -> dict[str, Any]:
        """Return predictions, visualizations and failures, see :meth:`__call__`."""
        done = [outcome for outcome in preds if outcome.result is not None]
        predictions: list[VideoResult | AVDataSample | None] = [
            outcome.sample if return_datasample else outcome.result for outcome in done
        ]
        return {
            'predictions': predictions,
            'visualization': list(visualization),
            'failed': {outcome.job.name: outcome.error for outcome in preds if outcome.error},
        }

    def _init_model(
        self, cfg: Config, weights: str | Path | None, device: str = 'cpu'
    ) -> nn.Module:
        return init_model(cfg, weights, device)

    def _init_pipeline(self, cfg: Config) -> Compose:
        return Compose(build_transforms(cfg.test_dataloader.dataset.get('pipeline', ())))

    def _init_collate(self, cfg: Config) -> Any:
        return pseudo_collate

    def _init_visualizer(self, cfg: Config) -> None:
        """Videos are drawn by :mod:`avis.visualization`, not by the visualizer of a training."""


def _read_record(job: InferenceJob) -> VideoRecord:
    return video_record(job.source.path, **job.source.reading())


def _name_of(config: Config) -> str:
    """Return a name for a loaded config that changes with its content."""
    digest = hashlib.blake2b(repr(config._cfg_dict).encode(), digest_size=8).hexdigest()
    return f'{config.filename or "config"} ({digest})'


@contextmanager
def _as_files(inputs: Input | Sequence[Input]) -> Iterator[list[str | Path]]:
    """Give binary files a path for as long as they are predicted."""
    given = [inputs] if isinstance(inputs, str | Path) or hasattr(inputs, 'read') else inputs
    with ExitStack() as stack:
        paths: list[str | Path] = []
        for number, each in enumerate(given):
            if isinstance(each, str | Path):
                paths.append(each)
                continue
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            name = getattr(each, 'name', None)
            stem = Path(name).name if isinstance(name, str) else ''
            path = folder / (safe_file_name(stem) if stem else f'video_{number + 1}')
            with path.open('wb') as copy:
                shutil.copyfileobj(each, copy)
            paths.append(path)
        yield paths
