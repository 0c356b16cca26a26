"""Generate a synthetic data set: plan the videos, write them, publish the folder atomically."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.progress import track

from avis.synthetic.casting import Job, build_scene, plan_jobs
from avis.synthetic.challenges import apply_challenges
from avis.synthetic.layouts import ava, aviseg, avsbench, avss, avtrack, jhmdb, refavs, vggss
from avis.synthetic.recipe import PER_VIDEO_FRAME, Recipe
from avis.synthetic.scene import Stage
from avis.utils.atomic import atomic_folder
from avis.utils.mp4 import to_int16, write_mp4
from avis.utils.parallel import map_in_processes

_SAMPLE_RATE = 16000  # of the audio of the MP4 files


@dataclass(frozen=True)
class _Writer:
    """Functions that write one layout.

    ``name`` names a video; ``video`` writes it and returns its entry; ``index`` writes the
    annotation files from all entries; ``folder`` is the subfolder of the target for this layout;
    ``has_mp4`` tells that ``video`` writes an MP4 itself.
    """

    name: Callable[[Job], str]
    video: Callable[[Path, Job, Stage], Any]
    index: Callable[[Path, Recipe, list[Any]], None]
    folder: str = ''
    has_mp4: bool = False


_WRITERS = {
    'avsbench_s4': _Writer(
        avsbench.s4_name, avsbench.write_s4_video, avsbench.write_s4_index, 'Single-source'
    ),
    'avsbench_ms3': _Writer(
        avsbench.ms3_name, avsbench.write_ms3_video, avsbench.write_ms3_index, 'Multi-sources'
    ),
    'avss': _Writer(avss.avss_name, avss.write_avss_video, avss.write_avss_index),
    'aviseg': _Writer(aviseg.aviseg_name, aviseg.write_aviseg_video, aviseg.write_aviseg_index),
    'avtrack': _Writer(
        avtrack.avtrack_name, avtrack.write_avtrack_video, avtrack.write_avtrack_index
    ),
    'refavs': _Writer(refavs.refavs_name, refavs.write_refavs_video, refavs.write_refavs_index),
    'jhmdb': _Writer(jhmdb.jhmdb_name, jhmdb.write_jhmdb_video, jhmdb.write_jhmdb_index),
    'ava': _Writer(ava.ava_name, ava.write_ava_video, ava.write_ava_index, has_mp4=True),
    'vggss': _Writer(vggss.vggss_name, vggss.write_vggss_video, vggss.write_vggss_index),
}


@dataclass(frozen=True)
class Report:
    """Summary of a generated data set.

    Attributes:
        root: Folder of the data set (``Single-source`` for S4, and so on).
        videos: Number of videos by split.
        frames: Number of annotated frames over all videos.
    """

    root: Path
    videos: dict[str, int]
    frames: int


def make_dataset(
    *, layout: str, out: str | Path, processes: int = 1, progress: bool = False, **options: Any
) -> Report:
    """Write a synthetic data set in the on-disk layout of a real one.

    The same options produce the same bytes for any number of processes. Everything is written to a
    hidden folder beside the target, which is renamed when it is complete.

    Args:
        layout: One of ``recipe.LAYOUTS``.
        out: Data root of this data set. S4 and MS3 put ``Single-source`` and ``Multi-sources``
            inside and may share it. ``with_mp4`` adds ``videos/<name>.mp4``.
        processes: Worker processes.
        progress: Show a progress bar.
        **options: Fields of ``recipe.Recipe``: videos, seconds, size, seed, challenges,
            in_turn, identities, people_only, splits, with_mp4, video_fps.

    Raises:
        FileExistsError: The target exists and is not empty.
        ValueError: An option is out of its range.
    """
    recipe = Recipe(layout=layout, **options)
    writer = _WRITERS[layout]
    target = Path(out) / writer.folder
    jobs = plan_jobs(recipe)
    with atomic_folder(target) as folder:
        work = partial(_make_video, recipe, folder)
        results = map_in_processes(work, jobs, processes=processes, chunksize=4)
        entries = list(track(results, 'Videos', len(jobs), disable=not progress))
        writer.index(folder, recipe, entries)
    splits = [job.split for job in jobs]
    counts = {split: splits.count(split) for split in dict.fromkeys(splits)}
    rate = recipe.video_fps if layout in PER_VIDEO_FRAME else 1
    frames = len(jobs) if layout == 'vggss' else rate * sum(job.seconds for job in jobs)
    return Report(target, counts, frames)


def make_stage(recipe: Recipe, job: Job) -> Stage:
    """The scene of one video with all challenges, ready to be rendered."""
    recipe = replace(recipe, challenges=recipe.challenges_of(job.index), in_turn=False)
    return Stage(apply_challenges(build_scene(recipe, job), recipe.challenges, job))


def _make_video(recipe: Recipe, folder: Path, job: Job) -> Any:
    stage, writer = make_stage(recipe, job), _WRITERS[recipe.layout]
    if recipe.with_mp4 and not writer.has_mp4:
        fps = job.fps
        images = (stage.draw(index / fps)[0] for index in range(job.seconds * fps))
        path = folder / 'videos' / f'{writer.name(job)}.mp4'
        path.parent.mkdir(exist_ok=True)
        audio = to_int16(stage.audio(_SAMPLE_RATE))
        write_mp4(path, images, fps=fps, audio=audio, sample_rate=_SAMPLE_RATE)
    return writer.video(folder, job, stage)
