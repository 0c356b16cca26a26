"""Models of the page, and the prediction of one upload."""

import html
import json
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from avis.apis.av_inferencer import AVInferencer
from avis.apis.batch_inference import RECORD_FILE, TIMELINE_FILE, VIDEO_FILE
from avis.apis.config import load_config
from avis.apis.models import ModelInfo, find_model, find_models
from avis.apis.progress import OnProgress
from avis.app.uploads import UploadError
from avis.export import write_exports
from avis.structures.video_result import VideoResult
from avis.utils.atomic import write_atomic
from avis.utils.file_names import safe_file_name

_FIRST = 'avtracker_offline'  # it has no weights to fetch
_SHOWN = ('speakers.csv', '.rttm', '.srt', 'results.json')


@dataclass(frozen=True)
class OwnModel:
    """A model that the command line names.

    Attributes:
        config: Config file, name of a config, or alias.
        checkpoint: Its weights; None for random ones, or for a model that has none to load.
    """

    config: str
    checkpoint: str | None


class Prediction(NamedTuple):
    """Files of one video; the folder contains them all."""

    folder: Path
    video: Path
    timeline: Path
    downloads: list[Path]
    summary: str


class Models:
    """The models that can be chosen; the one used last stays loaded.

    Args:
        own: Model of the command line, offered first; None for none.
        device: Device of the models.

    Attributes:
        choices: Label and name of each model, those first that can predict at once.
    """

    def __init__(self, own: OwnModel | None, device: str) -> None:
        self.own = own
        self.device = device
        found = None if own is None else find_model(own.config)
        self._own_name = None if found is None else found.name
        models = {model.name: model for model in ([] if found is None else [found])}
        models |= {model.name: model for model in find_models() if model.name not in models}
        tasks = {name: model.task for name, model in models.items()}
        self._ready = {
            name
            for name, model in models.items()
            if name == self._own_name or tasks[name] == 'speaker_tracking' or _has_weights(model)
        }
        order = {self._own_name: 0, _FIRST: 1}
        names = sorted(models, key=lambda name: (name not in self._ready, order.get(name, 2)))
        self.found = {name: models[name] for name in names}
        self._loaded: tuple[str, AVInferencer] | None = None
        self.choices = [
            (f'{name} ({tasks[name]}{"" if name in self._ready else ", needs weights"})', name)
            for name in self.found
        ]

    def check(self, name: str) -> None:
        """Check that a model of the list has weights.

        Raises:
            UploadError: It has none here; the message says where they are.
        """
        if name not in self._ready:
            hint = self.found[name].weights_hint()
            raise UploadError(f'{hint} Start the page with: avis app {name} --checkpoint FILE.')

    def load(self, name: str) -> AVInferencer:
        """Return the inferencer of a model."""
        if self._loaded is None or self._loaded[0] != name:
            self._loaded = None  # one model in memory at a time
            model = self.found[name]
            config = load_config(model.config)
            for key in ('cache_dir', 'record_dir'):  # nothing of an upload stays on the disk
                if config.model.get(key) is not None:
                    config.model[key] = None
            weights = model.weights if _has_weights(model) else None
            if self.own is not None and name == self._own_name:
                weights = self.own.checkpoint or weights
            inferencer = AVInferencer(config, weights, self.device, show_progress=False)
            self._loaded = (name, inferencer)
        return self._loaded[1]


def _has_weights(model: ModelInfo) -> bool:
    return model.weights is not None and Path(model.weights).is_file()


def predict_upload(
    inferencer: AVInferencer,
    upload: Path,
    root: Path,
    *,
    fps: float | None = None,
    on_progress: OnProgress | None = None,
) -> Prediction:
    """Predict an uploaded video into a new folder with a name that cannot be guessed.

    Args:
        inferencer: The model.
        upload: The video.
        root: Folder in which the folder is made.
        fps: Frames per second to predict; None for all.
        on_progress: See :class:`~avis.apis.AVInferencer`.

    Raises:
        ValueError: The prediction failed; the message says why.
    """
    folder = root / f'results-{secrets.token_urlsafe(16)}'
    try:
        found = inferencer(upload, out_dir=folder, fps=fps, on_progress=on_progress)
        if found['failed']:
            raise ValueError(' '.join(found['failed'].values()))
        (result,) = found['predictions']
        written = folder / safe_file_name(upload.stem)
        _remove_folders(written, result)
        shutil.make_archive(str(folder / written.name), 'zip', folder, written.name)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    files = [path for path in sorted(written.iterdir()) if path.name.endswith(_SHOWN)]
    archive = folder / f'{written.name}.zip'
    return Prediction(
        folder, written / VIDEO_FILE, written / TIMELINE_FILE, [*files, archive], _table(result)
    )


def _remove_folders(written: Path, result: VideoResult) -> None:
    """Leave the names of files in the written settings, but not their folders on this computer."""
    result.settings = _without_folders(result.settings)
    write_exports(written, result, ['results'])
    record = written / RECORD_FILE
    if record.is_file():
        content = _without_folders(json.loads(record.read_text(encoding='utf-8')))
        write_atomic(record, json.dumps(content))


def _without_folders(value: Any) -> Any:
    """A JSON value in which each absolute path is the name of its file."""
    if isinstance(value, dict):
        return {key: _without_folders(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_folders(each) for each in value]
    is_path = isinstance(value, str) and Path(value).is_absolute()
    return Path(value).name if is_path else value


def _table(result: VideoResult) -> str:
    """Return HTML: who or what sounds and is visible for how long, and warnings."""
    rows: list[tuple[Any, ...]] = [
        (track.name, track.sounding.sum() / result.fps, track.visible.sum() / result.fps)
        for track in result.tracks
    ]
    cells = ''.join(
        f'<tr><td>{html.escape(name)}</td><td>{sounding:.1f} s</td><td>{visible:.1f} s</td></tr>'
        for name, sounding, visible in rows
    )
    head = '<tr><th>who or what</th><th>sounds</th><th>visible</th></tr>'
    table = f'<table>{head}{cells}</table>' if rows else '<p>Nobody and nothing was found.</p>'
    warnings = ''.join(f'<p>{html.escape(warning)}</p>' for warning in result.warnings)
    return table + warnings
