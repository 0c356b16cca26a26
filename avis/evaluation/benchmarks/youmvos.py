"""YouMVOS: J&F over the shots of a video, with the scorer of DAVIS.

Ground truth: the folder ``Annotations`` of the release, ``<video>/%05d.png`` and
``<video>/shot.txt``. Output: the same folders and file names of images. A person has one index in
all shots, so an output that starts a new id after a cut loses it there.
"""

from pathlib import Path

from avis.evaluation.benchmarks.davis import DAVISBenchmark
from avis.evaluation.benchmarks.paths import check_file
from avis.evaluation.benchmarks.png_folders import frame_number
from avis.evaluation.benchmarks.registry import BENCHMARKS
from avis.evaluation.functional.counts import EvalProtocol
from avis.utils.youmvos_files import SHOTS_FILE, read_names, read_shots


@BENCHMARKS.register_module(name='youmvos')
class YouMVOSBenchmark(DAVISBenchmark):
    """Mean, recall and decay of J and F over persons, in 0..1.

    There is no published code for this data set. ``official`` is the scorer of DAVIS as it is:
    it knows the persons of the first frame only, and scores all frames but the first and the last.
    ``corrected`` scores every person, in the frames of valid shots only.

    Args:
        gt: Folder of the annotations.
        pred: Folder of the output.
        protocol: ``'official'`` or ``'corrected'``.
        split_file: List of the videos to score; None for all of the ground truth.
    """

    def __init__(
        self,
        gt: str | Path,
        pred: str | Path,
        *,
        protocol: EvalProtocol,
        split_file: str | Path | None = None,
    ) -> None:
        super().__init__(gt, pred, protocol=protocol)
        if split_file is not None:
            check_file(Path(split_file), 'a list of videos, one per line')
            names = set(read_names(split_file))
            missing = sorted(names - {video.name for video in self.videos})
            if missing:
                raise FileNotFoundError(
                    f'{self.gt}: {len(missing)} of {len(names)} videos of {split_file} do not '
                    f'exist, {missing[0]} for example. Fetch them, or correct the list.'
                )
            self.videos = [video for video in self.videos if video.name in names]

    def scored_files(self, name: str) -> list[str]:
        """Names of the label images of a video that are scored."""
        files, shots = super().scored_files(name), self.gt / name / SHOTS_FILE
        if self.protocol == 'official' or not shots.is_file():
            return files
        valid = read_shots(shots).valid((frame_number(file) or 0) - 1 for file in files)
        return [file for file, is_valid in zip(files, valid, strict=True) if is_valid]
