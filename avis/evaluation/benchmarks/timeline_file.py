"""Write the timelines of diagnosed videos beside ``metrics.json``.

``timelines.json`` has ``version`` and ``methods``; each method has the names of its ``classes`` by
id and, by name, the timelines of its ``videos``
(:class:`avis.evaluation.functional.timeline.Timeline`). A run of frames takes about 12 bytes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from avis.evaluation.benchmarks.breakdown import ScoredVideos
from avis.utils.atomic import write_atomic

TIMELINES_FILE = 'timelines.json'
_VERSION = 1


def write_timelines(methods: Mapping[str, ScoredVideos], folder: str | Path) -> None:
    """Write the file, or remove that of an earlier evaluation if no video is diagnosed.

    Args:
        methods: The scored videos of each prediction by name.
        folder: Folder of ``metrics.json``.
    """
    path = Path(folder, TIMELINES_FILE)
    found = {name: _collect(scored) for name, scored in methods.items()}
    if not any(method['videos'] for method in found.values()):
        path.unlink(missing_ok=True)
        return
    content = {'version': _VERSION, 'methods': found}
    write_atomic(path, msgspec.json.encode(content, enc_hook=_to_list))


def _collect(scored: ScoredVideos) -> dict[str, Any]:
    videos = {found.name: found.timeline for found in scored.diagnoses if found is not None}
    return {'classes': scored.benchmark.class_names, 'videos': videos}


def _to_list(runs: NDArray[np.int32]) -> list[Any]:
    return runs.tolist()
