"""Every layout has a model; one is trained for an iteration and scored beside trivial answers."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from avis.structures.av_data_sample import AVDataSample
from avis.synthetic.recipe import LAYOUTS


@pytest.fixture
def benchmark(import_benchmark):
    return import_benchmark('synthetic_layouts')


def test_every_layout_is_trained_on_and_scored(benchmark) -> None:
    assert set(benchmark.LAYOUTS) == set(LAYOUTS)
    for layout in benchmark.LAYOUTS.values():
        assert (benchmark.ROOT / layout.config).is_file()


@pytest.mark.slow
def test_model_and_trivial_answers_of_a_layout_are_scored(benchmark, tmp_path) -> None:
    layout = replace(benchmark.LAYOUTS['avsbench_s4'], videos=(4, 2), options={'size': (48, 48)})
    (row,) = benchmark.run('avsbench_s4', layout, tmp_path)
    assert (row.samples, row.score) == (4, 'mIoU')
    assert 0 <= row.model < 100
    assert row.answers['silence'] == 0  # the source of S4 sounds throughout
    assert 0 < row.answers['whole_image'] < 100
    assert str(row).startswith('| `avsbench_s4` | 4 | 1 | mIoU | ')


def test_model_must_exceed_the_best_answer(benchmark) -> None:
    answers = {'silence': 10.0, 'whole_image': 20.0}
    below, above = (str(benchmark.Row('ava', 1, 1, 'x', model, answers)) for model in (20.0, 20.1))
    assert below.endswith('| silence 10.0, whole image 20.0 | **no** |')
    assert above.endswith('| yes |')


def face_track(video: str, times: list[float], side: float) -> AVDataSample:
    box = [0.1, 0.1, 0.1 + side, 0.1 + side]
    boxes = np.array([box] * len(times))
    meta = {'video_name': video, 'frame_times': np.array(times), 'face_boxes': boxes}
    return AVDataSample(metainfo=meta)


def test_largest_face_of_each_frame_speaks(import_benchmark) -> None:
    answers = import_benchmark('trivial_answers')
    tracks = [
        face_track('a', [0.0, 0.5], 0.2),
        face_track('a', [0.5, 1.0], 0.3),
        face_track('b', [0.5], 0.1),
    ]
    answers.largest_face_speaks(tracks)
    assert [track.pred_speaking.tolist() for track in tracks] == [[1, 0], [1, 1], [1]]


def test_track_of_the_center_box_is_half_of_each_frame(import_benchmark) -> None:
    answers = import_benchmark('trivial_answers')
    sample = AVDataSample(metainfo={'ori_shape': (64, 64), 'frame_ids': [0, 1, 2]})
    answers.track('center_box', [sample])
    (track,) = sample.pred_tracks.masks
    assert track.to_dense().mean(axis=(1, 2)) == pytest.approx([0.5] * 3, abs=0.02)
    assert torch.equal(sample.pred_tracks.scores, torch.ones(1))
    answers.track('silence', [sample])
    assert len(sample.pred_tracks.masks) == 0
