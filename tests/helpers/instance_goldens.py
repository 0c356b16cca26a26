"""Read the inputs of the golden instance scores (tests/data/golden/metrics/{aviseg,avtrack})."""

import gzip
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from avis.evaluation.functional.overlap import TrackMasks, VideoOverlap
from avis.structures.masks import to_rle

GOLDEN = Path(__file__).parents[1] / 'data' / 'golden' / 'metrics'
EXACT = {'rtol': 0, 'atol': 1e-9}


def read_json(path: Path) -> Any:
    """Read a JSON file, gzipped or not."""
    text = gzip.decompress(path.read_bytes()) if path.suffix == '.gz' else path.read_bytes()
    return json.loads(text)


def aviseg_videos(case: str) -> dict[str, VideoOverlap]:
    """The videos of one AVISeg case, by name."""
    gt = read_json(GOLDEN / 'aviseg' / case / 'gt.json.gz')
    results = read_json(GOLDEN / 'aviseg' / case / 'results.json.gz')
    videos = {}
    for video in gt['videos']:
        size = (video['height'], video['width'])
        annotations = [a for a in gt['annotations'] if a['video_id'] == video['id']]
        tracks = [r for r in results if r['video_id'] == video['id']]
        sizes = [[area for area in a['areas'] if area] for a in annotations]
        videos[video['file_names'][0].split('/')[0]] = VideoOverlap.from_rles(
            TrackMasks(
                [_rles(a, size) for a in annotations],
                labels=[a['category_id'] for a in annotations],
                ids=[a['id'] for a in annotations],
                crowd=[a['iscrowd'] for a in annotations],
                sizes=[np.mean(areas) if areas else 0 for areas in sizes],
            ),
            TrackMasks(
                [_rles(r, size) for r in tracks],
                labels=[r['category_id'] for r in tracks],
                scores=[r['score'] for r in tracks],
            ),
            size=size,
            num_frames=len(video['file_names']),
        )
    return videos


@dataclass(frozen=True)
class AVTrackCase:
    """One video of the AVTrack golden.

    Attributes:
        gt: Gray images, (T, H, W) uint8.
        persons: Predicted masks of each folder, one per frame or None, in the order of the folders
            sorted as strings; None if the video has no prediction folder.
    """

    name: str
    gt: np.ndarray
    persons: list[list[np.ndarray | None]] | None

    @property
    def merged(self) -> list[np.ndarray]:
        """The persons merged into one label map per frame, labels from 1 on."""
        images = [np.zeros(image.shape, np.uint16) for image in self.gt]
        for number, person in enumerate(self.persons or [], start=1):
            for image, mask in zip(images, person, strict=True):
                if mask is not None:
                    image[mask] = number
        return images


def unpack_avtrack(folder: Path) -> Path:
    """Unpack the AVTrack golden into a folder."""
    with zipfile.ZipFile(GOLDEN / 'avtrack' / 'case.zip') as archive:
        archive.extractall(folder)
    return folder


def avtrack_cases() -> Iterator[AVTrackCase]:
    """The videos of the AVTrack golden with ground truth, in the order of the data set."""
    with zipfile.ZipFile(GOLDEN / 'avtrack' / 'case.zip') as archive:
        names = set(archive.namelist())

        def read(name: str) -> np.ndarray | None:
            if name not in names:
                return None
            return cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), cv2.IMREAD_GRAYSCALE)

        for video in json.loads(archive.read('avtrack_meta.json'))['videos']:
            name = video['file_names'][0].split('/')[0]
            frames = sorted(
                n
                for n in names
                if n.startswith(f'Instance_Masks_merged/{name}/') and n[-4:] == '.png'
            )
            if not frames:
                continue
            inside = [n.split('/') for n in names if n.startswith(f'pred/{name}/')]
            folders = sorted({parts[2] for parts in inside if len(parts) > 3})
            images = [
                [read(f'pred/{name}/{folder}/frame_{int(n[-9:-4]):04d}.png') for n in frames]
                for folder in folders
            ]
            persons = [[None if i is None else i > 0 for i in person] for person in images]
            yield AVTrackCase(
                name, np.stack([read(n) for n in frames]), persons if inside else None
            )


def _rles(track: dict, size: tuple[int, int]) -> list:
    return [None if seg is None else to_rle(seg, *size) for seg in track['segmentations']]


def compare(got: dict[str, Any], expected: dict[str, Any], where: str) -> None:
    """Assert that every number of ``expected`` is equal within 1e-9."""
    for name, value in expected.items():
        want = np.array(value, float)  # null becomes nan
        np.testing.assert_allclose(
            np.asarray(got[name], float), want, **EXACT, err_msg=f'{where} {name}'
        )
