"""Options of a synthetic data set. Standard library only, so that `--help` is fast."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

DatasetLayout = Literal[
    'avsbench_s4',
    'avsbench_ms3',
    'avss',
    'aviseg',
    'avtrack',
    'ava',
    'refavs',
    'jhmdb',
    'vggss',
]
Challenge = Literal[
    'visual_occlusion',
    'relative_position_change',
    'background_switch',
    'camera_motion_change',
    'multiple_instances',
    'instance_scale_dynamics',
    'multi_turn_sounding',
    'audio_visual_inconsistency',
]
LAYOUTS: tuple[str, ...] = get_args(DatasetLayout)
CHALLENGES: tuple[str, ...] = get_args(Challenge)
SPLITS = ('train', 'val', 'test')
TEST_ONLY = ('avtrack', 'jhmdb')
PER_VIDEO_FRAME = ('ava', 'jhmdb')  # layouts that annotate every frame of a video

# Default seconds of a video; AVSS has them per subset.
DEFAULT_SECONDS = {
    'avsbench_s4': 5,
    'avsbench_ms3': 5,
    'v1s': 5,
    'v1m': 5,
    'v2': 10,
    'aviseg': 20,
    'avtrack': 20,
    'ava': 6,
    'refavs': 10,
    'jhmdb': 1,
    'vggss': 10,
}
_HELD_OUT = 0.15  # fraction of val, and of test


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that determines the bytes of a synthetic data set.

    Args:
        layout: On-disk layout, one of ``LAYOUTS``.
        videos: Number of videos over all splits.
        seconds: Length of a video; one frame per second is annotated. None: as in the real set.
        size: Height and width of the frames.
        seed: Same seed, same bytes. People and objects do not depend on it: character 3 has the
            same appearance and voice in every data set.
        challenges: Strength 0..1 of AVTrack's challenging conditions.
        in_turn: Each video has only one of them: the first, the second, and so on.
        identities: Number of different sources; all splits share them.
        people_only: Only people, no objects, as the layouts of AVTrack, AVA and J-HMDB always.
        splits: Videos of train, val and test; None divides ``videos`` 70 / 15 / 15, or 70 / 30
            without a test split.
        with_mp4: Also write each video as an MP4 with audio; AVA always has them.
        video_fps: Frame rate of these MP4 files, and of the annotated frames of AVA and J-HMDB.
    """

    layout: str
    videos: int = 12
    seconds: int | None = None
    size: tuple[int, int] = (224, 224)
    seed: int = 0
    challenges: Mapping[str, float] = field(default_factory=dict)
    in_turn: bool = False
    identities: int = 8
    people_only: bool = False
    splits: tuple[int, int, int] | None = None
    with_mp4: bool = False
    video_fps: int = 25

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise ValueError(f'layout must be one of {LAYOUTS}, got {self.layout!r}')
        for name, low, value in (
            ('videos', 1, self.videos),
            ('seconds', 1, 1 if self.seconds is None else self.seconds),
            ('seed', 0, self.seed),
            ('identities', 2, self.identities),
            ('video_fps', 1, self.video_fps),
        ):
            if value < low:
                raise ValueError(f'{name} must be at least {low}, got {value}')
        if len(self.size) != 2 or min(self.size) < 32 or max(self.size) > 4096:
            raise ValueError(f'size must be (height, width) in 32..4096, got {self.size}')
        for name, strength in self.challenges.items():
            _check_challenge(name, strength)
        if self.splits is not None and (len(self.splits) != 3 or min(self.splits) < 0):
            raise ValueError(f'splits must be three counts (train, val, test), got {self.splits}')
        if self.splits is not None and self.layout in TEST_ONLY:
            raise ValueError(f'{self.layout} has a test split only: give videos instead of splits')
        if self.splits is not None and self.layout == 'ava' and self.splits[2]:
            raise ValueError('ava has no test split, whose labels are not public: set it to 0')
        if self.splits is not None and sum(self.splits) != self.videos:
            raise ValueError(
                f'splits {self.splits} sum to {sum(self.splits)}, but videos is {self.videos}'
            )

    def challenges_of(self, index: int) -> Mapping[str, float]:
        """The challenges of the video with this index."""
        if not (self.in_turn and self.challenges):
            return self.challenges
        name = list(self.challenges)[index % len(self.challenges)]
        return {name: self.challenges[name]}

    def split_of_videos(self) -> list[str]:
        """The split of each video in order of its index.

        AVTrack and J-HMDB have only a test split, AVA no test split.
        """
        if self.layout in TEST_ONLY:
            return ['test'] * self.videos
        if self.splits is None:
            held_out = max(1, round(_HELD_OUT * self.videos)) if self.videos > 2 else 0
            counts = (self.videos - 2 * held_out, held_out, held_out)
            if self.layout == 'ava':
                counts = (counts[0], 2 * held_out, 0)
        else:
            counts = self.splits
        return [split for split, n in zip(SPLITS, counts, strict=True) for _ in range(n)]


def _check_challenge(name: str, strength: float) -> None:
    if name not in CHALLENGES:
        raise ValueError(f'challenge must be one of {CHALLENGES}, got {name!r}')
    if not 0 <= strength <= 1:
        raise ValueError(f'strength of {name} must be in 0..1, got {strength}')
