"""Shards of one list of videos, one of which is killed, write the files of one run."""

import os
import signal
from itertools import count

from avis.apis import infer
from tests.helpers.painted import CONFIG, passing, write_video


def test_killed_and_resumed_shards_write_the_files_of_one_run(import_benchmark, tmp_path):
    benchmark = import_benchmark('sharded_inference')
    (tmp_path / 'videos').mkdir()
    for length in range(1, 9):
        write_video(tmp_path / 'videos' / f'{length}.mp4', passing(length))
    assert infer(CONFIG, None, tmp_path / 'videos', tmp_path / 'whole', size=4, overlap=0) == {}
    words = [str(CONFIG), 'none', str(tmp_path / 'videos'), '--window', '4', '--overlap', '0']
    job = benchmark.Job(words, tmp_path / 'array', tmp_path / 'log')
    assert benchmark.run_shards(job, ['1/4', '2/4', '4/4']) == {'1/4': 0, '2/4': 0, '4/4': 0}
    calls = count(1)

    def kill_in_second_video() -> None:
        if next(calls) == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    process = job.start('3/4', kill_in_second_video)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert len(list(job.out.glob('*/results.json'))) == 7  # the current video is lost
    again = benchmark.run_shards(job, ['1/4', '2/4', '3/4', '4/4'])
    assert set(again.values()) == {0}
    assert benchmark.contents(job.out) == benchmark.contents(tmp_path / 'whole')
    assert sorted(job.predictions().values()) == [1] * 7 + [2]
