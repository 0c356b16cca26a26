"""VGG-SS, Flickr-SoundNet and their extended sets: heat maps against boxes.

Ground truth: the data root, with ``vggss.json`` and the list of the split, or with ``Annotations``
and ``flickr_test.csv``; or a file ``vggss.json`` or folder ``Annotations`` alone, all of whose
clips count. Prediction: a folder of ``<clip>.npy``, or one ``.npz`` with an array per clip: heat
maps (H, W) of any size, higher where the sound comes from. ``split='extended'`` adds the silent
pairs of ``*_test_plus_silent.csv``, called ``<video>+<audio>`` (``<video>`` if both are one clip),
and needs ``confidence.csv`` beside the maps: clip, confidence that a source is visible.

Half of the frame is always predicted, so every score stands beside those of two answers without a
model: ``center_box``, a box of half of the frame, and ``whole_image``.
"""

import io
import math
import zipfile
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, get_args

import numpy as np
from numpy.typing import NDArray

from avis.evaluation.benchmarks.base import Benchmark, BenchmarkVideo, Summary, VideoScore
from avis.evaluation.benchmarks.paths import check_file, wrong_path
from avis.evaluation.benchmarks.problems import Rule
from avis.evaluation.benchmarks.registry import BENCHMARKS
from avis.evaluation.functional.counts import EvalProtocol
from avis.evaluation.functional.sound_detection import ClipDetections, detection_ap, f1_at
from avis.evaluation.functional.sound_localization import (
    LocalizedClip,
    Variant,
    gt_map,
    localize_clip,
    pool_localized,
)
from avis.utils.png import MAX_PIXELS
from avis.utils.source_boxes import (
    FLICKR_LISTS,
    FLICKR_SILENT,
    VGGSS_LISTS,
    VGGSS_SILENT,
    SourceBoxes,
    read_annotators,
    read_clip_list,
    read_silent_pairs,
    read_vggss,
    silent_name,
)
from avis.utils.tables import read_rows

_CONFIDENCE = 'confidence.csv'
_PROTOCOLS: tuple[EvalProtocol, EvalProtocol] = ('official', 'corrected')
_NO_BOXES = SourceBoxes(np.zeros((0, 4)))
_LARGEST_MAP = 8 * MAX_PIXELS  # bytes
_BLANK = np.zeros((1, 1), np.float32)  # stands for a map that is not there


@BENCHMARKS.register_module(name='vggss')
class VGGSSBenchmark(Benchmark[LocalizedClip]):
    """cIoU@0.5, AUC and mean cIoU, and those of trivial answers; AP and F1 with silent pairs.

    Args:
        gt: Data root, or file of boxes.
        pred: Folder of heat maps, or npz file.
        protocol: ``'official'``: a clip whose ground truth is empty counts as 0, and pixels that
            equal the median count as ``variant`` says. ``'corrected'``: such clips are left out,
            exactly half of the frame is predicted, and AP is that of all sounding clips.
        variant: How a map becomes a mask, see
            :data:`~avis.evaluation.functional.sound_localization.Variant`.
        split: Clips of the data root: 'test', 'heard', 'unheard' or 'extended'.
    """

    HEADLINE = ('cIoU@0.5', 'AUC', 'center_box_cIoU@0.5', 'center_box_AUC')
    UNIT = 'fraction'
    RULES: ClassVar[Mapping[str, Rule]] = {
        # The official loaders leave out clips without files.
        'missing_prediction': Rule('skip', 'zero'),
        'unknown_prediction': Rule('ignore', 'ignore'),
        'bad_map': Rule('stop'),
        'missing_confidence': Rule('stop'),
        'empty_gt': Rule('zero', 'skip'),
        'bad_box': Rule('keep', 'keep'),
    }
    BOXES: ClassVar[str] = 'vggss.json'  # below the data root
    ANNOTATORS: ClassVar[bool] = False  # whether each box is of another annotator
    SILENT: ClassVar[str] = VGGSS_SILENT
    LISTS: ClassVar[Mapping[str, str]] = VGGSS_LISTS

    def __init__(
        self,
        gt: str | Path,
        pred: str | Path,
        *,
        protocol: EvalProtocol,
        variant: Variant = 'ez_vsl',
        split: str = 'test',
    ) -> None:
        super().__init__(gt, pred, protocol=protocol)
        for name, value, known in (
            ('variant', variant, get_args(Variant)),
            ('split', split, tuple(self.LISTS)),
        ):
            if value not in known:
                raise ValueError(f'{self.NAME}: {name} must be one of {known}, got {value!r}')
        self.variant, self.split = variant, split
        self._boxes = self._read_gt()
        self._maps = _HeatMaps(self.pred)
        silent = self._read_silent()
        self._confidence = self._read_confidence() if silent else {}
        self.videos = [
            BenchmarkVideo(name, {'class': (found.classes or [''])[0]})
            for name, found in self._boxes.items()
        ]
        self.videos += [BenchmarkVideo(name, {'class': 'silent'}) for name in silent]
        for name in sorted(self._maps.names - {video.name for video in self.videos}):
            self.log.add(
                'unknown_prediction', self.pred, 'the ground truth has no such clip', field=name
            )

    def score(self, index: int) -> VideoScore[LocalizedClip]:
        """Compare the map of one clip with its ground truth."""
        name = self.videos[index].name
        log, sounding = self.new_log(name), name in self._boxes
        found = self._boxes.get(name, _NO_BOXES)
        gt = gt_map(found.boxes.tolist(), annotators=self.ANNOTATORS)
        for problem in found.problems:
            log.add('bad_box', self.gt, problem, field=name)
        is_empty = sounding and not gt.any()
        effects = []
        if name not in self._maps.names:
            effects.append(log.add('missing_prediction', self.pred, 'no such map', field=name))
        if is_empty:
            effects.append(log.add('empty_gt', self.gt, 'no box has an area', field=name))
        if self._confidence and name not in self._confidence:
            log.add('missing_confidence', self.pred / _CONFIDENCE, 'no such clip', field=name)
        if 'skip' in effects or log.stopped:
            return VideoScore(None, log.problems)
        try:
            official, corrected = self._compare(name, gt, sounding)
        except ValueError as error:
            log.add('bad_map', self.pred, str(error), field=name)
            return VideoScore(None, log.problems)
        partial = official if self.protocol == 'official' else corrected
        return VideoScore(partial, log.problems, corrected=None if is_empty else corrected)

    def _compare(
        self, name: str, gt: NDArray[np.float32], sounding: bool
    ) -> tuple[LocalizedClip, LocalizedClip]:
        """The clip under both protocols; a clip without a map has cIoU 0."""
        predicted = name in self._maps.names
        heat_map = self._maps.read(name) if predicted else _BLANK
        confidence = self._confidence.get(name, math.nan)
        clips = []
        for protocol in _PROTOCOLS:
            clip = localize_clip(heat_map, gt, variant=self.variant, protocol=protocol)
            ciou = clip.ciou if predicted else 0.0
            clips.append(replace(clip, ciou=ciou, confidence=confidence, sounding=sounding))
        return clips[0], clips[1]

    def unpredicted(self) -> Sequence[str]:
        """Names of the clips without a map."""
        return [video.name for video in self.videos if video.name not in self._maps.names]

    def combine(self, partials: Sequence[LocalizedClip]) -> Summary:
        """Scores of the sounding clips; with silent ones also of detection; number of clips."""
        sounding = [clip for clip in partials if clip.sounding]
        summary: Summary = {**pool_localized(sounding, protocol=self.protocol)}
        if self._confidence:
            clips = ClipDetections(
                ciou=np.array([clip.ciou for clip in partials]),
                confidence=np.array([clip.confidence for clip in partials]),
                sounding=np.array([clip.sounding for clip in partials]),
                area=np.array([clip.area for clip in partials]),
            )
            summary['AP@0.5'] = detection_ap(clips, protocol=self.protocol)
            summary['F1@0.5'] = f1_at(clips)
        return {**summary, 'clips': len(partials)}

    def summarize_video(self, partial: LocalizedClip) -> Summary:
        """Scores of one clip and of the trivial answers, and its ground truth in pixels."""
        return {'cIoU': partial.ciou, **partial.trivial, 'area': partial.area}

    def explain_gap(
        self,
        official: Sequence[LocalizedClip],
        corrected: Sequence[LocalizedClip],
        scores: Collection[str],
    ) -> Sequence[str]:
        """Clips without a ground truth."""
        empty = sum(clip.sounding and not clip.area for clip in official)
        return [f'official counts {empty} clips without a ground truth as 0'] if empty else []

    def _read_gt(self) -> dict[str, SourceBoxes]:
        """Boxes of the clips of the split, in the order of its list."""
        if self.gt.is_file():
            return self._read_boxes(self.gt, None)
        list_file = self.gt / self.LISTS[self.split]
        expected = f'the data root with {self.BOXES} and {list_file.name}, or the boxes'
        if not (self.gt / self.BOXES).exists():
            raise wrong_path(self.gt, f'has no {self.BOXES}', expected, [self.gt.parent])
        check_file(list_file, expected)
        return self._read_boxes(self.gt / self.BOXES, read_clip_list(list_file))

    def _read_boxes(self, path: Path, names: Sequence[str] | None) -> dict[str, SourceBoxes]:
        """Boxes of some clips, of all if None."""
        boxes = read_vggss(path)
        unknown = [name for name in names or () if name not in boxes]
        if unknown:
            raise ValueError(f'{path}: expected the clip {unknown[0]!r} of the list, got no entry')
        return boxes if names is None else {name: boxes[name] for name in names}

    def _read_silent(self) -> list[str]:
        if self.split != 'extended':
            return []
        path = self.gt / self.SILENT
        check_file(path, f'the data root with {self.SILENT}')
        return [silent_name(frame, audio) for frame, audio in read_silent_pairs(path)]

    def _read_confidence(self) -> dict[str, float]:
        path = self.pred / _CONFIDENCE if self.pred.is_dir() else self.pred.with_name(_CONFIDENCE)
        check_file(path, 'a csv of clip and confidence, as silent pairs need')
        found = {}
        for number, row in enumerate(read_rows(path), start=1):
            try:
                name, value = row[0], float(row[1])
            except (IndexError, ValueError) as error:
                raise ValueError(
                    f'{path}: line {number}: expected a clip and its confidence, got {row}'
                ) from error
            if not math.isfinite(value):
                raise ValueError(f'{path}: line {number}: expected a number, got {value}')
            found[name] = value
        return found


@BENCHMARKS.register_module(name='flickr_soundnet')
class FlickrSoundNetBenchmark(VGGSSBenchmark):
    """The same for Flickr-SoundNet, where each box is of another annotator.

    Args:
        gt: Data root.
        pred: Folder of heat maps, or npz file.
        protocol: As for VGG-SS.
        variant: As for VGG-SS.
        split: 'test' or 'extended'.
    """

    BOXES = 'Annotations'
    ANNOTATORS = True
    SILENT = FLICKR_SILENT
    LISTS: ClassVar[Mapping[str, str]] = FLICKR_LISTS

    def _read_boxes(self, path: Path, names: Sequence[str] | None) -> dict[str, SourceBoxes]:
        if names is None:
            raise wrong_path(path, 'is a file', 'the data root with Annotations', [path.parent])
        files = {name: path / f'{name}.xml' for name in names}
        for file in files.values():
            check_file(file, 'boxes of a frame of the list')
        return {name: read_annotators(file) for name, file in files.items()}


class _HeatMaps:
    """The heat maps of a folder of npy files, or of an npz file; read one by one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.is_dir():
            self.names = {file.stem for file in path.glob('[!.]*.npy')}
        elif path.is_file():
            try:
                with np.load(path) as maps:
                    self.names = set(maps.files)
            except (ValueError, OSError, AttributeError, zipfile.BadZipFile) as error:
                raise ValueError(
                    f'{path}: expected an npz file of heat maps, got {error}'
                ) from error
        else:
            raise wrong_path(path, 'does not exist', 'a folder of npy files, or an npz file', [])
        if not self.names:
            raise wrong_path(path, 'contains no heat map', '<clip>.npy', [path / 'maps'])

    def read(self, name: str) -> NDArray[Any]:
        """A map (H, W).

        Raises:
            ValueError: It is no array of two axes, or larger than any image that is read.
        """
        if self.path.is_dir():  # mapped: the shape in the header is compared with the file
            file = self.path / f'{name}.npy'
            heat_map = np.load(file, mmap_mode='r', allow_pickle=False)
        else:
            heat_map = self._unpack(f'{name}.npy')
        if heat_map.ndim != 2 or not np.issubdtype(heat_map.dtype, np.number):
            raise ValueError(f'expected numbers (H, W), got {heat_map.dtype} {heat_map.shape}')
        return np.array(heat_map)

    def _unpack(self, entry: str) -> NDArray[Any]:
        """Read an entry of the archive after a look at its size, which may be far larger."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                size = archive.getinfo(entry).file_size
                if size > _LARGEST_MAP:
                    raise ValueError(f'expected at most {_LARGEST_MAP} bytes, got {size}')
                content = io.BytesIO(archive.read(entry))
            heat_map: NDArray[Any] = np.load(content, allow_pickle=False)
        except (KeyError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(f'cannot be unpacked ({type(error).__name__}: {error})') from error
        return heat_map
