"""The record of one video that a data set class returns: the start of the data flow."""

from collections.abc import Sequence
from typing import Any, TypedDict, final

import numpy as np
from numpy.typing import NDArray

from avis.structures.masks import RLE, Polygons


class PngMask(TypedDict):
    """A mask stored as one gray level of a PNG image.

    Attributes:
        png: Path of the image.
        value: Gray level of the pixels of the mask; None for every level but 0.
    """

    png: str
    value: int | None


class AudioSource(TypedDict):
    """One of several audio files that are mixed.

    Attributes:
        audio: Path of the file.
        position: From 0 (left) to 1 (right).
    """

    audio: str
    position: float


@final
class MatMask(TypedDict):
    """A mask stored as one frame of a MATLAB file.

    Attributes:
        mat: Path of the file.
        frame: Index of the frame, from 0 on.
    """

    mat: str
    frame: int


@final
class H5Mask(TypedDict):
    """A mask stored as one instance of an HDF5 file.

    Attributes:
        h5: Path of the file.
        instance: Id of the instance; the frame has no label if the file does not contain it.
    """

    h5: str
    instance: int


class _TrackKeys(TypedDict):
    id: int
    label: int
    masks: Sequence[RLE | Polygons | PngMask | None]


class Track(_TrackKeys, total=False):
    """One instance over a video: the same ``id`` in every frame, ``masks[t]`` None if absent.

    Attributes:
        id: Identity, unique in the video.
        label: Class index.
        masks: T masks; a list, or a :class:`~avis.structures.packed_masks.PackedMasks`.
        crowd: True for a region of several objects: no training target, and predictions of it do
            not count as errors.
        area: Mean area in pixels as the annotations state it; None if they do not.
        attributes: Further keys of its annotation.
    """

    crowd: bool
    area: float | None
    attributes: dict[str, Any]


class _RequiredKeys(TypedDict):
    video_id: int | str
    video_name: str
    frames: list[str] | str
    audio: str | None
    fps: float
    length: int
    height: int
    width: int


class VideoRecord(_RequiredKeys, total=False):
    """One video of a data set: paths instead of pixels and samples.

    Attributes:
        video_id: Id in the annotation file.
        video_name: Folder or file name of the video.
        frames: Paths of T images, or the path of one video file; of a face track also the folder
            of its crops, ``<second>.jpg``.
        audio: Path of an audio file or of the video file; None without audio.
        fps: Annotated frames per second (not those of the video file).
        length: T, the number of annotated frames.
        height: Height of a frame in pixels; 0 if the annotations do not state it.
        width: Width of a frame in pixels; 0 if the annotations do not state it.
        audio_track: Index among the audio streams of ``audio``; None for its default track.
        audio_sources: Files that are mixed, instead of ``audio`` (images with several sources).
        features: Path of precomputed audio features, one row per frame.
        tracks: Instances of the video (instance tasks).
        instance_maps: Path of one gray image per frame whose levels other than 0 are the ids of
            the instances, None where a frame has no ground truth; instead of ``tracks``.
        annotated: Whether the annotation file has an annotation of the video (AVTrack only: its
            ground truth is in other files).
        label_maps: Path of an image, or mask in a MATLAB or HDF5 file, of each frame; None where a
            frame has no label (semantic tasks).
        frame_ids: Frames to load, if the sample is a part of the video; all if missing.
        start: Second of the files at which frame 0 is shown and its audio starts; 0 if missing.
        frame_times: Second of the video at which each frame is shown, (T,) (face tracks).
        face_boxes: Corners x1 y1 x2 y2 of the face relative to the frame, (T, 4) (face tracks).
        source_boxes: Corners x1 y1 x2 y2 of the audio sources relative to the frame, (N, 4); none
            if no source is visible (sound source localization).
        annotator_boxes: The same, one box per annotator, whose agreement is the ground truth.
        speaking: Label of each frame, int64 (T,): 0 not speaking, 1 speaking audibly, 2 speaking
            inaudibly (face tracks).
        expression: Sentence that names the object to segment (referring tasks); never empty.
        warnings: Sentences about the files that the user should know, such as missing audio.
        attributes: Further properties of the video; unknown annotation keys are kept here.
    """

    audio_track: int | None
    audio_sources: list[AudioSource]
    features: str | None
    tracks: list[Track]
    instance_maps: list[str | None]
    annotated: bool
    label_maps: Sequence[str | MatMask | H5Mask | None]
    frame_ids: NDArray[np.int64]
    start: float
    frame_times: NDArray[np.float64]
    face_boxes: NDArray[np.float64]
    source_boxes: NDArray[np.float64]
    annotator_boxes: NDArray[np.float64]
    speaking: NDArray[np.int64]
    expression: str | None
    warnings: list[str]
    attributes: dict[str, Any]
