import logging
from types import SimpleNamespace

import pytest
from mmengine.dataset import pseudo_collate
from mmengine.logging import MMLogger
from torch.utils.data import DataLoader

from avis.datasets.av_dataset import AVDataset
from avis.datasets.avsbench import AVSBenchS4
from avis.datasets.readers.errors import BrokenDataError
from avis.datasets.transforms.audio import LoadAudio
from avis.datasets.transforms.loading import LoadFrames, LoadLabelMaps
from avis.datasets.transforms.packing import PackAVInputs
from avis.engine.loops import VideoFailuresError, check_failures
from tests.helpers.tiny_sets import truncate, write_s4

PIPELINE = (LoadFrames(), LoadAudio(), LoadLabelMaps(encoding='binary'), PackAVInputs())


@pytest.fixture
def root(tmp_path):
    """Four clips per split, of which 1 and 2 are broken in different ways."""
    root = write_s4(tmp_path, {'train': 4, 'test': 4})
    for split in ('train', 'test'):
        clips = root / f's4_data/visual_frames/{split}/dog_barking'
        truncate(clips / f'{split}1/{split}1_3.png')
        (root / f's4_data/audio_log_mel/{split}/dog_barking/{split}2.pkl').unlink()
    return root


def make(root, split: str, **options) -> AVSBenchS4:
    # Serializing runs the garbage collector, which takes half a second in a full test run.
    settings = {'pipeline': PIPELINE, 'serialize_data': False, **options}
    return AVSBenchS4(split=split, data_root=str(root), **settings)


@pytest.fixture
def log(monkeypatch) -> list[str]:
    lines: list[str] = []
    logger = MMLogger.get_instance('test_av_dataset')
    monkeypatch.setattr(logger, 'log', lambda level, text: lines.append((level, text)))
    MMLogger._instance_dict.move_to_end('test_av_dataset')
    yield lines
    MMLogger._instance_dict.pop('test_av_dataset')


@pytest.mark.parametrize('split', ['train', 'test'])
def test_broken_clip_is_an_error_with_its_file(root, split) -> None:
    dataset = make(root, split)
    with pytest.raises(
        BrokenDataError, match=rf'{split}1_3\.png: is a truncated.*skip_broken=True'
    ):
        dataset[1]
    with pytest.raises(FileNotFoundError, match=rf'{split}2\.pkl does not exist'):
        dataset[2]


def test_error_keeps_its_type_from_a_worker(root) -> None:
    loader = DataLoader(make(root, 'test'), num_workers=1, collate_fn=pseudo_collate)
    with pytest.raises(BrokenDataError, match=r'test1_3\.png'):
        list(loader)


def test_training_replaces_broken_clip_by_the_next(root, log) -> None:
    dataset = make(root, 'train', skip_broken=True)
    names = [dataset[i]['data_samples'].video_id for i in (0, 1, 2, 3)]
    assert names == ['train0', 'train3', 'train3', 'train3']
    assert dataset.broken_clips == ['train1', 'train2']
    assert all('broken' not in dataset[i]['data_samples'] for i in range(4))
    # Logged once each, with the count, whatever the number of epochs.
    assert [level for level, _ in log] == [logging.WARNING] * 2
    assert "clip 'train1' is broken and skipped, 1 of 4 so far" in log[0][1]
    assert "clip 'train2' is broken and skipped, 2 of 4 so far" in log[1][1]
    assert 'train1_3.png' in log[0][1]


def test_broken_test_clip_is_marked_and_not_counted(root, log) -> None:
    dataset = make(root, 'test', skip_broken=True)
    samples = [dataset[i]['data_samples'] for i in range(4)]
    assert [sample.video_id for sample in samples] == ['test0', 'test1', 'test2', 'test3']
    assert [bool(sample.labeled_frames.any()) for sample in samples] == [True, False, False, True]
    assert [sample.get('broken', False) for sample in samples] == [
        False,
        True,
        True,
        False,
    ]
    assert len(log) == 2


def test_workers_share_the_count_of_broken_clips(root, log) -> None:
    dataset = make(root, 'train', skip_broken=True)
    loader = DataLoader(dataset, batch_size=1, num_workers=2, collate_fn=pseudo_collate)
    for _ in range(2):
        assert len(list(loader)) == 4
    assert dataset.broken_clips == ['train1', 'train2']


def test_data_set_without_readable_clip_is_an_error(root, log) -> None:
    for index in (0, 3):
        (root / f's4_data/audio_log_mel/train/dog_barking/train{index}.pkl').unlink()
    dataset = make(root, 'train', skip_broken=True)
    with pytest.raises(BrokenDataError, match=r'none of its 4 clips can be read.*train0\.pkl'):
        dataset[0]


def test_wrong_pipeline_is_not_skipped_as_broken(root) -> None:
    pipeline = (LoadLabelMaps(encoding='binary'),)  # no frames were loaded
    dataset = AVSBenchS4(split='train', data_root=str(root), pipeline=pipeline, skip_broken=True)
    with pytest.raises(ValueError, match='put LoadFrames before LoadLabelMaps'):
        dataset[0]


def test_lazy_and_subset_data_sets_skip_broken_clips(root, log) -> None:
    lazy = make(root, 'train', skip_broken=True, lazy_init=True)
    assert lazy[1]['data_samples'].video_id == 'train3'
    assert lazy.broken_clips == ['train1', 'train2']
    subset = make(root, 'train', skip_broken=True, indices=[1, 3])
    assert subset[0]['data_samples'].video_id == 'train3'
    assert subset.broken_clips == ['train1']


def test_test_mode_can_be_chosen(root) -> None:
    assert make(root, 'train', test_mode=True).test_mode
    assert not make(root, 'test', test_mode=False).test_mode


def test_unknown_argument_is_an_error(root) -> None:
    with pytest.raises(TypeError, match='skip_brokn'):
        make(root, 'train', skip_brokn=True)


def test_base_class_has_no_published_counts() -> None:
    assert AVDataset.PUBLISHED == {}


def test_runner_replaces_clips_of_any_error_and_fails_at_the_end(root, log, monkeypatch) -> None:
    dataset = make(root, 'test')
    dataset.record_errors()
    read = dataset.pipeline.transforms[0].transform

    def fail(results):
        if results['video_id'] == 'test3':
            raise ZeroDivisionError('a defect')
        return read(results)

    monkeypatch.setattr(dataset.pipeline.transforms[0], 'transform', fail)
    samples = [dataset[index]['data_samples'] for index in range(4)]
    assert [sample.get('broken', False) for sample in samples] == [False, True, True, True]
    assert dataset.broken_clips == ['test1', 'test2', 'test3']
    (defect,) = (text for _, text in log if "'test3'" in text)
    assert 'Traceback' in defect
    loop = SimpleNamespace(dataloader=SimpleNamespace(dataset=SimpleNamespace(dataset=dataset)))
    with pytest.raises(VideoFailuresError, match='3 videos failed and are not scored: test1: see'):
        check_failures(loop)
