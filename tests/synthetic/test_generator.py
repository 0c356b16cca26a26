"""A data set is complete or absent; the same options produce the same bytes."""

import os
from dataclasses import replace

import av
import numpy as np
import pytest

from avis.synthetic import generator
from avis.synthetic.casting import plan_jobs
from avis.synthetic.generator import make_dataset, make_stage
from avis.synthetic.recipe import LAYOUTS, Recipe
from tests.helpers.synthetic_scenes import names, tree

TINY = {'videos': 3, 'seconds': 2, 'size': (48, 64)}


@pytest.mark.parametrize('layout', LAYOUTS)
def test_same_options_produce_the_same_bytes(layout, tmp_path):
    options = {**TINY, 'with_mp4': True, 'video_fps': 5, 'challenges': {'camera_motion_change': 1}}
    for out in ('a', 'b'):
        make_dataset(layout=layout, out=tmp_path / out, **options)
    first = tree(tmp_path / 'a')
    # J-HMDB Sentences has no audio.
    expected = {'mp4', 'mat' if layout == 'jhmdb' else 'wav'}
    assert {name.rsplit('.')[-1] for name in first} >= expected
    assert tree(tmp_path / 'b') == first


def test_number_of_processes_does_not_change_the_bytes(tmp_path):
    for processes in (1, 2):
        out = tmp_path / str(processes)
        make_dataset(layout='avsbench_ms3', out=out, processes=processes, **TINY)
    assert tree(tmp_path / '1') == tree(tmp_path / '2')


def test_another_seed_produces_other_videos(tmp_path):
    recipes = [Recipe(layout='avss', seed=seed, **TINY) for seed in (0, 1)]
    images = [make_stage(recipe, plan_jobs(recipe)[0]).draw(0.5)[0] for recipe in recipes]
    assert (images[0] != images[1]).mean() > 0.1


def test_first_videos_do_not_depend_on_the_number_of_videos():
    stages = []
    for videos in (3, 9):
        recipe = Recipe(layout='avtrack', **{**TINY, 'videos': videos})
        stages.append(make_stage(recipe, plan_jobs(recipe)[2]))
    np.testing.assert_array_equal(stages[0].draw(0.5)[0], stages[1].draw(0.5)[0])


def test_report_counts_videos_and_frames(tmp_path):
    report = make_dataset(layout='avsbench_s4', out=tmp_path, **TINY)
    assert report.root == tmp_path / 'Single-source'
    assert report.videos == {'train': 1, 'val': 1, 'test': 1}
    assert report.frames == 6


def test_s4_and_ms3_share_a_root(tmp_path):
    make_dataset(layout='avsbench_s4', out=tmp_path, **TINY)
    make_dataset(layout='avsbench_ms3', out=tmp_path, **TINY)
    assert names(tmp_path) == ['Multi-sources', 'Single-source']


def test_non_empty_target_is_rejected_and_unchanged(tmp_path):
    target = tmp_path / 'set'
    target.mkdir()
    (target / 'mine.txt').write_text('mine')
    with pytest.raises(FileExistsError, match=r'set exists and is not empty\. Delete it'):
        make_dataset(layout='avss', out=target, **TINY)
    assert names(target) == ['mine.txt']
    assert names(tmp_path) == ['set']


def test_empty_target_is_filled(tmp_path):
    make_dataset(layout='avtrack', out=tmp_path / 'set', **TINY)
    (tmp_path / 'empty').mkdir()
    make_dataset(layout='avtrack', out=tmp_path / 'empty', **TINY)
    assert tree(tmp_path / 'set') == tree(tmp_path / 'empty')


def test_failed_generation_leaves_no_files(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError('disk full')

    writer = generator._WRITERS['avss']
    monkeypatch.setitem(generator._WRITERS, 'avss', replace(writer, index=fail))
    with pytest.raises(OSError, match='disk full'):
        make_dataset(layout='avss', out=tmp_path / 'set', **TINY)
    assert names(tmp_path) == []


def test_target_has_default_permissions(tmp_path):
    (tmp_path / 'other').mkdir()
    report = make_dataset(layout='avss', out=tmp_path / 'set', **TINY)
    assert report.root.stat().st_mode == (tmp_path / 'other').stat().st_mode
    assert os.access(report.root, os.R_OK | os.X_OK)


@pytest.mark.parametrize('layout', ['avsbench_ms3', 'aviseg'])
def test_mp4_files_match_the_stage(layout, tmp_path):
    recipe = Recipe(layout=layout, with_mp4=True, video_fps=10, **TINY)
    report = make_dataset(layout=layout, out=tmp_path, with_mp4=True, video_fps=10, **TINY)
    videos = sorted((report.root / 'videos').iterdir())
    assert len(videos) == 3
    jobs = plan_jobs(recipe)
    for job in jobs:
        path = report.root / 'videos' / f'{generator._WRITERS[layout].name(job)}.mp4'
        stage = make_stage(recipe, job)
        with av.open(str(path)) as video:
            images = [frame.to_ndarray(format='rgb24') for frame in video.decode(video=0)]
        assert len(images) == 20
        assert np.abs(images[7].astype(int) - stage.draw(0.7)[0]).mean() < 12  # lossy
        with av.open(str(path)) as video:
            audio = np.concatenate([f.to_ndarray()[0] for f in video.decode(audio=0)])
        expected = stage.audio(16000)
        assert len(audio) == pytest.approx(len(expected), abs=3000)  # AAC pads
        assert np.sqrt(np.mean(audio**2)) == pytest.approx(np.sqrt(np.mean(expected**2)), rel=0.2)
