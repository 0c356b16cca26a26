"""Inputs are found and checked before anything heavy is imported."""

import cv2
import numpy as np
import pytest
import soundfile

from avis.apis.media_inputs import check_inputs, find_inputs, take_shard
from tests.helpers.painted import paint, passing, write_video
from tests.helpers.subprocess_python import run_python


@pytest.fixture(scope='module')
def media(tmp_path_factory):
    folder = tmp_path_factory.mktemp('media')
    write_video(folder / 'talk.mp4', passing(5))
    write_video(folder / 'mute.mp4', passing(5), audio=False)
    soundfile.write(folder / 'voice.wav', np.zeros(40000, np.float32), 16000)
    cv2.imwrite(str(folder / 'photo.png'), paint(passing(1))[0])
    (folder / 'talk.srt').write_text('1\n00:00:01,000 --> 00:00:02,000\nHello\n')
    (folder / 'notes.txt').write_text('not a video')
    (folder / 'cut.mp4').write_bytes((folder / 'talk.mp4').read_bytes()[:300])
    (folder / 'frames').mkdir()
    cv2.imwrite(str(folder / 'frames' / '0.png'), paint(passing(1))[0])
    return folder


def checked(*inputs, **reading):
    found = check_inputs(find_inputs(inputs, **reading).videos)
    return list(found.problems.values()), list(found.warnings.values())


def test_complete_inputs_need_no_word(media):
    assert checked(media / 'talk.mp4') == ([], [])
    for path in ('mute.mp4', 'photo.png', 'frames'):
        assert checked(media / path, audio=media / 'voice.wav', fps=2) == ([], [])


@pytest.mark.parametrize(
    ('name', 'sentence'),
    [
        ('photo.png', 'is a single image: give its audio with --audio, and what sounds is marked'),
        ('voice.wav', 'contains audio, but no video: give a video, or an image or a folder'),
        ('talk.srt', 'is neither a video nor an image nor audio.'),
        ('notes.txt', 'cannot be decoded ('),
        ('cut.mp4', 'cannot be decoded ('),
        ('frames', 'is a folder of frames: give their frames per second with --fps.'),
    ],
)
def test_what_cannot_be_predicted_is_one_sentence(media, name, sentence):
    (problem,), warnings = checked(media / name)
    assert problem.startswith(str(media / name))
    assert sentence in problem
    assert (problem.count('.\n'), warnings) == (0, [])


def test_a_video_without_audio_is_predicted_with_a_warning(media):
    problems, (warning,) = checked(media / 'mute.mp4')
    assert problems == []
    assert 'mute.mp4 has no audio: it is predicted with silence' in warning
    assert 'has no audio' in checked(media / 'frames', fps=2)[1][0]


def test_audio_is_checked_too(media):
    for audio, reason in (('gone.wav', 'does not exist'), ('mute.mp4', 'contains no audio')):
        (problem,), _ = checked(media / 'talk.mp4', audio=media / audio)
        assert problem.startswith(str(media / audio))
        assert reason in problem


def test_images_beside_as_many_videos_are_thumbnails(media, tmp_path):
    for name in ('a.mp4', 'b.mp4', 'a.jpg', 'cover.png', 'notes.txt'):
        (tmp_path / name).touch()
    found = find_inputs(tmp_path)
    assert list(found.videos) == ['a', 'b']
    names = [path.name for path in found.skipped[tmp_path]]
    assert names == ['notes.txt', 'a.jpg', 'cover.png']
    (tmp_path / 'c.jpg').touch()
    with pytest.raises(ValueError, match=r'3 images, such as a\.jpg, and 2 videos, such as a\.mp4'):
        find_inputs(tmp_path)


def test_patterns_and_lists_name_videos(media):
    assert list(find_inputs(f'{media}/*t*.mp4').videos) == ['cut', 'mute', 'talk']
    (media / 'list.yml').write_text(
        '- talk.mp4\n'
        '- {video: mute.mp4, audio: voice.wav, start: 1, end: 2, expression: a dog}\n'
        '- frames\n'
    )
    videos = find_inputs([media / 'list.yml'], fps=3.0).videos
    assert [video.path for video in videos.values()] == [
        media / 'talk.mp4',
        media / 'mute.mp4',
        media / 'frames',
    ]
    mute = videos['mute']
    assert mute.reading() == {
        'audio': media / 'voice.wav',
        'audio_track': None,
        'fps': 3.0,
        'start': 1,
        'end': 2,
        'expression': 'a dog',
    }


@pytest.mark.parametrize(
    ('content', 'problem'),
    [
        ('a: 1', 'expected a list of videos, got dict'),
        ('- 3', r"\[0\]: expected a path, or a mapping with 'video', got 3"),
        ('- {video: a.mp4, sound: b}', r"\[0\]: expected keys among .* got \['sound'\]"),
        ('[', 'expected a list in YAML'),
        ('- !!python/object/apply:os.mkdir [code_ran]', 'expected a list in YAML'),
    ],
)
def test_wrong_lists_are_errors(tmp_path, content, problem):
    (tmp_path / 'list.yml').write_text(content)
    with pytest.raises(ValueError, match=problem):
        find_inputs(tmp_path / 'list.yml')


def test_missing_inputs_are_errors(tmp_path):
    for name, reason in (('gone.mp4', 'does not exist'), ('*.mp4', 'matches no file')):
        with pytest.raises(FileNotFoundError, match=reason):
            find_inputs(tmp_path / name)


def test_frames_are_estimated_from_headers(media):
    reading = {'audio': media / 'voice.wav', 'fps': 4}
    for name, options, frames in (
        ('talk.mp4', {}, 5),
        ('talk.mp4', {'fps': 20, 'start': 0.2}, 6),
        ('photo.png', reading, 10),
        ('frames', {}, 1),
    ):
        (video,) = find_inputs(media / name, **options).videos.values()
        assert video.estimated_frames() == frames


def test_checking_imports_nothing_heavy():
    printed = run_python(
        'import sys, avis.apis.media_inputs, avis.apis.models; print(*sys.modules)'
    )
    assert not {'torch', 'mmengine', 'mmcv', 'cv2'} & set(printed.split())


def test_shards_divide_videos_by_the_sizes_of_their_files(tmp_path):
    for name, size in (('a', 9), ('b', 5), ('c', 3), ('d', 1)):
        (tmp_path / f'{name}.mp4').write_bytes(b'0' * size)
    (tmp_path / 'e').mkdir()
    for number in range(4):
        (tmp_path / 'e' / f'{number}.png').write_bytes(b'00')
    (tmp_path / 'gone.mp4').symlink_to(tmp_path / 'nowhere.mp4')
    found = find_inputs([tmp_path, tmp_path / 'e'], fps=1)
    shards = [list(take_shard(found, number, 3).videos) for number in (1, 2, 3)]
    assert shards == [['a'], ['d', 'e'], ['b', 'c', 'gone']]
