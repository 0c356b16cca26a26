"""Own videos and labels become a data set and a config."""

from pathlib import Path

import numpy as np
import pytest

from avis.apis import init_model, load_config
from avis.apis.preparation import write_custom_config
from avis.cli import convert_labels, prepare_data
from avis.cli.main import main
from avis.datasets.label_formats.formats import LABEL_WRITERS, read_labels, save_labels
from avis.datasets.label_formats.labels import LabeledTrack, LabeledVideo
from avis.datasets.preparation.benchmarks import PHASED_PLANS, PLANS
from avis.datasets.preparation.custom import fit_labels, split_videos
from avis.datasets.readers.video import VideoInfo
from avis.registry import DATASETS
from avis.structures.masks import encode_mask
from tests.helpers.raw_videos import content_of, numbered_frames, ramp, write_lossless

SIZE = (64, 96)
INFO = VideoInfo(*SIZE, 10.0, 3.0, has_audio=True, pixel_aspect=1)
NAMES = ('-one', 'two', 'three', 'four')


def labels_of(name: str, frames, category: str = 'drum', **options) -> LabeledVideo:
    mask = np.zeros(SIZE, bool)
    mask[10:40, 20:60] = True
    track = LabeledTrack(1, category, {frame: encode_mask(mask) for frame in frames})
    return LabeledVideo(name, *SIZE, tracks=[track], **options)


@pytest.fixture(scope='module')
def videos(tmp_path_factory) -> Path:
    """Four videos of 3 s at 4 frames per second."""
    folder = tmp_path_factory.mktemp('raw')
    for name in NAMES:
        video = folder / f'{name}.mp4'
        write_lossless(video, numbered_frames(12, SIZE), ramp(3), fps=4, rate=16000)
    return folder


def test_splits_are_by_video_and_follow_the_seed() -> None:
    names = [f'video{index}' for index in range(40)]
    splits = split_videos(names, (0.7, 0.2, 0.1), seed=3)
    counts = [list(splits.values()).count(split) for split in ('train', 'val', 'test')]
    assert counts == [28, 8, 4]
    assert split_videos(names[::-1], (0.7, 0.2, 0.1), seed=3) == splits
    assert split_videos(names, (0.7, 0.2, 0.1), seed=4) != splits
    assert set(split_videos(names[:3], (0.98, 0.01, 0.01), seed=0).values()) == {
        *('train', 'val', 'test')
    }
    with pytest.raises(ValueError, match='at least one video per split'):
        split_videos(names[:2], (0.7, 0.2, 0.1), seed=0)
    with pytest.raises(ValueError, match='sum to 1'):
        split_videos(names, (0.7, 0.2, 0.2), seed=0)


def test_labels_of_a_video_file_move_to_the_frames_of_the_data_set() -> None:
    video = labels_of('a', [0, 4, 10, 20, 25], of_video_file=True)
    fitted = fit_labels(video, INFO, fps=1.0)
    assert list(fitted.tracks[0].masks) == [0, 1, 2]
    assert fitted.length == 3
    with pytest.raises(ValueError, match=r'expected labels of frames 0 to 2, got frame 4'):
        fit_labels(labels_of('a', [4]), INFO, fps=1.0)
    wide = VideoInfo(64, 100, 10.0, 3.0, has_audio=True, pixel_aspect=1)
    with pytest.raises(ValueError, match=r'expected labels of \(64, 100\)'):
        fit_labels(video, wide, fps=1.0)


def prepare(videos: Path, root: Path, *words: str) -> int | str | None:
    shares = ['--shares', '0.5', '0.25', '0.25']
    common = ['--videos', str(videos), '--out', str(root), *shares]
    return main(['data', 'prepare', 'custom', *common, *words])


def test_frames_are_written_first_and_labels_added_later(
    videos: Path, tmp_path: Path, capsys
) -> None:
    root, labels, config = (tmp_path / name for name in ('data', 'labels', 'mine.py'))
    assert prepare(videos, root) == 0
    frames = content_of(root)
    assert len(frames) == 4 * (3 + 1)
    known = [labels_of(name, [0, 2], ('drum', 'cat')[name == 'two']) for name in NAMES]
    save_labels(known, labels, form='labelme')
    assert prepare(videos, root, '--labels', str(labels), '--config', str(config)) == 0
    assert '0 made, 4 kept' in capsys.readouterr().out
    assert {name: content_of(root)[name] for name in frames} == frames
    cfg = load_config(config)
    model = init_model(cfg)
    assert model.frame_head.num_classes == 2
    write_custom_config(tmp_path / 'large.py', root, model='r50')
    large = load_config(tmp_path / 'large.py')
    assert large.model.tracker.loss_set.num_classes == 2
    assert large.train_dataloader.dataset.metainfo['classes'] == ('cat', 'drum')
    records = []
    for split, count in (('train', 2), ('val', 1), ('test', 1)):
        dataset = DATASETS.build(cfg[f'{split}_dataloader']['dataset'])
        assert dataset.metainfo['classes'] == ('cat', 'drum')
        assert len(dataset) == count
        records += [dataset.record(index) for index in range(count)]
        assert dataset[0]['inputs']['audio'].ndim == 1
    assert {record['video_name'] for record in records} == set(NAMES)


def test_videos_that_do_not_fit_are_reported(videos: Path, tmp_path: Path, capsys) -> None:
    known = [labels_of(name, [0]) for name in ('-one', 'two', 'elsewhere')]
    known.append(labels_of('three', [7]))
    save_labels(known, tmp_path / 'labels.json', form='coco')
    assert prepare(videos, tmp_path / 'data', '--labels', str(tmp_path / 'labels.json')) == 1
    text = capsys.readouterr().out
    assert 'elsewhere: no video' in text
    assert 'four: has no labels' in text
    assert 'three: expected labels of frames 0 to 2, got frame 7' in text


@pytest.mark.slow
def test_videos_are_trained_on_and_scored_in_three_commands(
    videos: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_labels([labels_of(name, range(3)) for name in NAMES], Path('labels.json'), form='coco')
    assert prepare(videos, Path('data'), '--labels', 'labels.json', '--config', 'mine.py') == 0
    loaders = ('train', 'val', 'test')
    options = [f'{name}_dataloader.num_workers=0' for name in loaders]
    options += [f'{name}_dataloader.persistent_workers=False' for name in loaders]
    schedule = ['train_cfg.max_iters=1', 'train_cfg.val_interval=1']
    main(['train', 'mine.py', '--cfg-options', *schedule, *options])
    checkpoint = 'work_dirs/mine/iter_1.pth'
    out = ['test_evaluator.out=results.json']
    main(['test', 'mine.py', checkpoint, '--cfg-options', *out, *options])
    assert Path('results.json').is_file()


@pytest.mark.parametrize(
    ('words', 'problem'),
    [
        (['avss', '--fps', '2'], '--fps is for custom only'),
        (['avss', '--phase', '0'], '--phase is for aviseg and avtrack only'),
        (['vggss', '--vggish', 'v.pth'], '--vggish is for aviseg, avtrack and custom only'),
        (['custom', '--config', 'c.py'], '--config needs --labels'),
        (['custom', '--model', 'r50'], '--model r50 needs --vggish'),
    ],
)
def test_arguments_that_do_not_fit_are_refused(words: list[str], problem: str, capsys) -> None:
    with pytest.raises(SystemExit) as end:
        main(['data', 'prepare', *words, '--videos', 'raw', '--out', 'data'])
    assert end.value.code == 2
    assert problem in capsys.readouterr().err


def test_commands_offer_every_benchmark_and_format() -> None:
    assert {*prepare_data.NAMES} == {*PLANS, *PHASED_PLANS, 'custom'}
    assert tuple(LABEL_WRITERS) == convert_labels.LABEL_FORMATS


def test_labels_are_converted_by_command(tmp_path: Path, capsys) -> None:
    source, target = tmp_path / 'labels.json', tmp_path / 'labels.xml'
    save_labels([labels_of('two', [0, 2])], source, form='coco')
    main(['data', 'labels', str(source), str(target), '--to', 'cvat-images'])
    assert capsys.readouterr().out == f'{target}: 1 videos, 1 instances\n'
    (video,) = read_labels(target)
    assert [list(track.masks) for track in video.tracks] == [[0, 2]]
