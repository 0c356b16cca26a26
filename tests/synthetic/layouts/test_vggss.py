"""VGG-SS on disk: frames, audio, boxes of large sources, lists."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

from avis.datasets import VGGSS, FrameAudioPairs
from avis.synthetic.generator import make_dataset

OPTIONS = {'videos': 12, 'splits': (4, 2, 6), 'seconds': 2, 'size': (96, 96)}


@pytest.fixture(scope='module')
def root(tmp_path_factory) -> Path:
    return make_dataset(layout='vggss', out=tmp_path_factory.mktemp('vggss'), **OPTIONS).root


def test_lists_have_the_clips_of_their_split_and_only_test_clips_boxes(root) -> None:
    lists = {
        split: (root / f'vggss_{split}.csv').read_text().split()
        for split in ('train', 'val', 'test')
    }
    assert [len(names) for names in lists.values()] == [4, 2, 6]
    rows = json.loads((root / 'vggss.json').read_text())
    assert [row['file'] for row in rows] == lists['val'] + lists['test']
    for folder, suffix in (('frames', 'jpg'), ('audio', 'wav')):
        files = {path.name for path in (root / folder).iterdir()}
        assert files == {f'{name}.{suffix}' for names in lists.values() for name in names}


def test_box_covers_a_large_part_of_the_frame_anywhere(root) -> None:
    rows = json.loads((root / 'vggss.json').read_text())
    boxes = np.array([row['bbox'][0] for row in rows])
    assert ((boxes >= 0) & (boxes <= 1)).all()
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    assert ((areas > 0.2) & (areas <= 1)).all()
    centers = (boxes[:, 0] + boxes[:, 2]) / 2
    assert centers.max() - centers.min() > 0.2
    image = cv2.imread(str(root / f'frames/{rows[0]["file"]}.jpg'))
    assert min(image.shape[:2]) > 20
    audio, rate = soundfile.read(root / f'audio/{rows[0]["file"]}.wav')
    assert (len(audio), rate) == (32000, 16000)
    assert np.abs(audio).max() > 0.01


def test_readers_read_it(root) -> None:
    assert len(FrameAudioPairs(data_root=str(root), ann_file='vggss_train.csv')) == 4
    test = VGGSS(split='test', data_root=str(root))
    assert len(test) == 6
    assert len(VGGSS(split='test', data_root=str(root), list_file='vggss_val.csv')) == 2
    assert test.record(0)['source_boxes'].shape == (1, 4)
