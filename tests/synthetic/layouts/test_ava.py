"""AVA-ActiveSpeaker on disk: videos, csv files, crops and audio of face tracks."""

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from avis.datasets.readers.images import read_image
from avis.datasets.readers.video import read_video_frames, video_info
from avis.synthetic.casting import plan_jobs
from avis.synthetic.generator import make_dataset, make_stage
from avis.synthetic.layouts.ava import ava_name
from avis.synthetic.recipe import Recipe
from avis.utils.ava_csv import read_face_rows
from tests.helpers.synthetic_scenes import names

OPTIONS = {'videos': 3, 'seconds': 3, 'size': (96, 128), 'video_fps': 10}


@pytest.fixture(scope='module')
def root(tmp_path_factory) -> Path:
    report = make_dataset(layout='ava', out=tmp_path_factory.mktemp('ava'), **OPTIONS)
    assert report.videos == {'train': 1, 'val': 2}
    assert report.frames == 90
    return report.root


def files(root: Path) -> list[Path]:
    return sorted(root.glob('csv/*/*-activespeaker.csv'))


def test_names_are_those_of_the_published_layout(root):
    assert names(root) == ['clips_audios', 'clips_videos', 'csv', 'videos']
    for file in files(root):
        split, video = file.parent.name, file.name.removesuffix('-activespeaker.csv')
        assert len(video) == 11
        rows = read_face_rows(file)
        assert set(rows.videos) == {video}
        for entity in set(rows.entities):
            assert re.fullmatch(re.escape(video) + r'_0000_0060:\d', entity)
            times = rows.times[[entity == other for other in rows.entities]]
            crops = names(root / 'clips_videos' / split / video / entity)
            assert crops == [f'{time:.2f}.jpg' for time in times]
            wav = soundfile.info(root / 'clips_audios' / split / video / f'{entity}.wav')
            assert wav.samplerate == 16000
            assert wav.frames == pytest.approx(16000 * (times[-1] - times[0]), abs=1)
        info = video_info(root / 'videos/trainval' / f'{video}.mp4')
        assert (info.height, info.width, info.fps, info.has_audio) == (96, 128, 10, True)


def test_crops_are_the_boxes_in_the_videos(root):
    for file in files(root):
        rows = read_face_rows(file)
        video, entity = rows.videos[0], rows.entities[0]
        video_file = root / 'videos/trainval' / f'{video}.mp4'
        (image,) = read_video_frames(video_file, [rows.times[0]])
        x1, y1, x2, y2 = (rows.boxes[0] * (128, 96, 128, 96)).astype(int)
        folder = root / 'clips_videos' / file.parent.name / video / entity
        crop = read_image(folder / f'{rows.times[0]:.2f}.jpg')
        assert crop.shape == (y2 - y1, x2 - x1, 3)
        assert np.abs(crop.astype(int) - image[y1:y2, x1:x2]).mean() < 12  # both are compressed


def test_labels_follow_turns_and_silent_mouths(root):
    recipe = Recipe(layout='ava', **OPTIONS)
    found = set()
    for job in plan_jobs(recipe):
        stage = make_stage(recipe, job)
        rows = read_face_rows(root / 'csv' / job.split / f'{ava_name(job)}-activespeaker.csv')
        visible = [number for number, actor in enumerate(stage.scene.actors) if actor.visible]
        for time, box, label in zip(rows.times, rows.boxes, rows.labels, strict=True):
            center = (box[:2] + box[2:]) / 2 * (128, 96)
            heads = [stage.head_box(number, time) for number in visible]
            distances = [np.abs((head[:2] + head[2:]) / 2 - center).max() for head in heads]
            actor = stage.scene.actors[visible[int(np.argmin(distances))]]
            assert (label == 1) == any(start <= time < end for start, end in actor.turns)
            opening, _ = stage.movements[visible[int(np.argmin(distances))]]
            if label == 0:
                assert opening[int(time * 100)] < 0.5
            found.add(int(label))
    assert found == {0, 1, 2}
