"""What a user sees during and after a run: progress bars, and a table of who sounds how long."""

import numpy as np
from rich.console import Console

from avis.apis.inference_summary import InferenceSummary
from avis.apis.progress import InferenceProgress
from avis.structures.mask_track import MaskTrack
from avis.structures.video_result import TrackResult, VideoResult


def test_the_number_of_frames_is_known_from_the_start() -> None:
    with InferenceProgress(2) as progress:
        bars = progress._bars
        progress.start_video('talk', 50)
        stage = bars.tasks[-1]
        assert (stage.description, stage.completed, stage.total) == ('talk: reading', 0, 50)
        progress.start_stage('tracking people')
        progress.update(10, 48)
        stage = bars.tasks[-1]
        assert (stage.description, stage.completed, stage.total) == (
            'talk: tracking people',
            10,
            48,
        )
        progress.finish_video()
        (videos,) = bars.tasks
        assert (videos.description, videos.completed, videos.total) == ('videos', 1, 2)


def test_the_table_says_who_sounds_how_long(tmp_path) -> None:
    masks = MaskTrack.from_dense(np.ones((8, 2, 2), bool))
    ann = TrackResult(1, 'Ann', masks, np.arange(8) < 3)
    talk = VideoResult('talk', 2.0, 8, 2, 2, [ann], warnings=['It rains.'])
    (tmp_path / 'results.json').touch()
    summary, console = InferenceSummary(), Console(record=True, width=80, file=None)
    summary.add(talk, tmp_path)
    summary.add(VideoResult('street', 2.0, 8, 2, 2), tmp_path / 'street')
    with console.capture() as shown:
        summary.print(console)
    lines = shown.get().splitlines()
    assert [line.strip('│ ').split() for line in lines if 'Ann' in line or 'nobody' in line] == [
        ['talk', '│', 'Ann', '│', '1.5', '│', '4.0'],
        ['street', '│', 'nobody', 'and', 'nothing', '│', '0.0', '│', '0.0'],
    ]
    assert lines[-2:] == [
        'talk: It rains.',
        f'{tmp_path}: results.json; 1 more folder in {tmp_path.parent}',
    ]
