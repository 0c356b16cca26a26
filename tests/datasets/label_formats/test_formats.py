"""Labels of annotation tools are read, and survive every format unchanged."""

import base64
import io
import json
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from avis.datasets.label_formats.formats import LABEL_WRITERS, read_labels, save_labels
from avis.datasets.label_formats.labels import LabeledTrack, LabeledVideo
from avis.structures.masks import decode_rle, encode_mask

SIZE = (40, 56)
LENGTH = 5


def blobs(rng: np.random.Generator) -> np.ndarray:
    """A mask of several parts, one of them mostly with a hole."""
    mask = np.zeros(SIZE, np.uint8)
    for _ in range(3):
        x, y, radius = (int(rng.integers(*limits)) for limits in ((5, 50), (5, 35), (3, 9)))
        cv2.circle(mask, (x, y), radius, 1, -1)
    cv2.circle(mask, (x, y), 1, 0, -1)
    return mask > 0


@pytest.fixture(scope='module')
def videos() -> list[LabeledVideo]:
    rng = np.random.default_rng(0)
    made = []
    for number in range(2):
        frames = {k: f'{k:05d}.jpg' for k in range(LENGTH)}
        tracks = [
            LabeledTrack(
                2 * number + index + 1,
                ('drum', 'flute')[(number + index) % 2],
                {k: encode_mask(blobs(rng)) for k in range(LENGTH) if (k + index) % 3},
            )
            for index in range(2)
        ]
        made.append(LabeledVideo(f'-clip_{number}', *SIZE, frames, tracks))
    return made


@pytest.mark.parametrize('form', LABEL_WRITERS)
def test_labels_survive_a_round_trip(form: str, videos: list[LabeledVideo], tmp_path: Path) -> None:
    suffix = {'labelme': '', 'cvat-video': '', 'cvat-images': '.xml'}.get(form, '.json')
    path = tmp_path / f'labels{suffix}'
    save_labels(videos, path, form=form)
    read = read_labels(path)
    assert [video.tracks for video in read] == [video.tracks for video in videos]
    assert [(video.name, video.height, video.width, video.length) for video in read] == [
        (video.name, *SIZE, LENGTH) for video in videos
    ]
    if form != 'cvat-video':  # has no names of frames
        assert [video.frames for video in read] == [video.frames for video in videos]


def labelme_file(folder: Path, frame: int, *shapes: dict) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f'frame_{frame}.json'
    size = {'imageHeight': SIZE[0], 'imageWidth': SIZE[1]}
    path.write_text(json.dumps({'shapes': shapes, 'imagePath': f'../{frame}.png', **size}))
    return path


def box_area(mask) -> tuple[int, int, int]:
    rows, columns = np.nonzero(decode_rle(mask))
    return int(rows.min()), int(columns.min()), len(rows)


def test_labelme_boxes_and_masks_join_by_group(tmp_path: Path) -> None:
    png = io.BytesIO()
    Image.fromarray(np.full((3, 4), 255, np.uint8)).save(png, 'PNG')
    mask = {
        'label': 'cat',
        'shape_type': 'mask',
        'points': [[10, 20], [13, 22]],
        'mask': base64.b64encode(png.getvalue()).decode(),
        'group_id': 7,
    }
    box = {'label': 'cat', 'shape_type': 'rectangle', 'points': [[2, 4], [6, 9]], 'group_id': 7}
    labelme_file(tmp_path / 'walk', 0, mask)
    labelme_file(tmp_path / 'walk', 12, box, {**box, 'label': 'dog', 'group_id': None})
    (video,) = read_labels(tmp_path)
    assert (video.name, video.length, video.frames) == ('walk', 13, {0: '0.png', 12: '12.png'})
    assert [(track.category, list(track.masks)) for track in video.tracks] == [
        ('cat', [0, 12]),
        ('dog', [12]),
    ]
    assert box_area(video.tracks[0].masks[0]) == (20, 10, 12)
    assert box_area(video.tracks[0].masks[12]) == (4, 2, 20)


CVAT = """<annotations><version>1.1</version><meta><task><name>1</name>
<original_size><width>56</width><height>40</height></original_size>
<source>concert.mp4</source></task></meta>
<track id="0" label="drum">
<box frame="3" outside="0" xtl="2" ytl="4" xbr="6" ybr="9"/>
<box frame="4" outside="1" xtl="2" ytl="4" xbr="6" ybr="9"/></track>
<track id="1" label="drum"><mask frame="3" outside="0" rle="2,8,2" left="5" top="6" width="4"
height="3"/></track></annotations>"""


def test_cvat_tracks_of_a_video_file_count_its_frames(tmp_path: Path) -> None:
    path = tmp_path / 'labels.xml'
    path.write_text(CVAT)
    (video,) = read_labels(path)
    assert (video.name, video.of_video_file) == ('concert', True)
    assert [list(track.masks) for track in video.tracks] == [[3], [3]]
    assert box_area(video.tracks[0].masks[3]) == (4, 2, 20)
    assert decode_rle(video.tracks[1].masks[3])[6:9, 5:9].tolist() == [
        [False, False, True, True],
        [True, True, True, True],
        [True, True, False, False],
    ]


@pytest.mark.parametrize(
    ('text', 'problem'),
    [
        (CVAT.replace('<box frame="3"', '<ellipse frame="3"'), 'expected polygon, box, mask'),
        (CVAT.replace('rle="2,8,2"', 'rle="2,9,2"'), 'expected runs of 12 pixels'),
        (CVAT.replace('original_size', 'size_original'), 'expected height and width'),
        (CVAT.replace(' xtl="2"', ''), "'xtl'"),
        (CVAT[:100], 'expected XML'),
        ('<labels/>', 'expected annotations'),
    ],
)
def test_wrong_cvat_file_is_named(text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / 'labels.xml'
    path.write_text(text)
    with pytest.raises(ValueError, match=rf'labels\.xml: .*{problem}'):
        read_labels(path)


@pytest.mark.parametrize(
    ('shape', 'problem'),
    [
        ({'label': 'cat', 'points': [[1, 2], [3, 4]]}, 'at least 3 points'),
        ({'label': 'cat', 'points': [[1, 2]], 'shape_type': 'point'}, 'got a point'),
        ({'points': []}, "'label' and 'points'"),
    ],
)
def test_wrong_labelme_shape_is_named(shape: dict, problem: str, tmp_path: Path) -> None:
    labelme_file(tmp_path / 'walk', 3, shape)
    with pytest.raises(ValueError, match=rf'frame_3\.json: shapes\[0\]: .*{problem}'):
        read_labels(tmp_path)


def test_wrong_coco_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / 'coco.json'
    image = {'id': 1, 'file_name': 'walk/first.jpg', 'height': 4, 'width': 4}
    content = {'images': [image], 'annotations': [], 'categories': []}
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r'coco\.json: walk/first\.jpg: expected a name that ends'):
        read_labels(path)
    image['file_name'] = 'walk/1.jpg'
    annotation = {'image_id': 1, 'category_id': 3, 'segmentation': [[0, 0, 2, 0, 2, 2]]}
    path.write_text(json.dumps({**content, 'annotations': [annotation]}))
    with pytest.raises(ValueError, match=r'expected annotations of COCO, got KeyError: 3'):
        read_labels(path)


@pytest.mark.parametrize('form', ['labelme', 'cvat-video'])
@pytest.mark.parametrize('name', ['/', '../up', 'a/../../up'])
def test_names_of_videos_cannot_leave_the_folder(form: str, name: str, tmp_path: Path) -> None:
    video = LabeledVideo(name, *SIZE, {0: '00000.jpg'})
    with pytest.raises(ValueError, match='leads out of it'):
        save_labels([video], tmp_path / 'out', form=form)
    assert list(tmp_path.iterdir()) == []


def test_xml_that_expands_or_names_files_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / 'secret'
    secret.write_text('secret')
    lines = [f'<!ENTITY e{k} "{f"&e{k - 1};" * 10}">' for k in range(1, 12)]
    path = tmp_path / 'labels.xml'
    for entities, used in (
        (['<!ENTITY e0 "many">', *lines], '&e11;'),
        ([f'<!ENTITY e SYSTEM "{secret}">'], '&e;'),
    ):
        declared = f'<!DOCTYPE annotations [{"".join(entities)}]>'
        path.write_text(f'{declared}<annotations>{used}</annotations>')
        with pytest.raises(ValueError, match=r'labels\.xml: .*expected XML'):
            read_labels(path)


def test_mask_of_another_size_than_its_box_is_not_unpacked(tmp_path: Path) -> None:
    header = struct.pack('>IIBBBBB', 50_000, 50_000, 1, 0, 0, 0, 0)
    chunk = b'IHDR' + header
    png = b'\x89PNG\r\n\x1a\n' + struct.pack('>I', 13) + chunk
    png += struct.pack('>I', zlib.crc32(chunk))
    for content in (png, png[:16] + struct.pack('>II', 9, 9) + png[24:]):
        mask = base64.b64encode(content).decode()
        shape = {'label': 'cat', 'points': [[1, 1], [4, 4]], 'shape_type': 'mask', 'mask': mask}
        labelme_file(tmp_path / 'walk', 3, shape)
        with pytest.raises(ValueError, match=r'shapes\[0\]\.mask: cannot be read'):
            read_labels(tmp_path)
