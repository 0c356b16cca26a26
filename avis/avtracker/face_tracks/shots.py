"""Shot changes of a video, frame by frame, by PySceneDetect."""

from typing import Any

import cv2
import numpy as np

from avis.structures.media import ImageArray
from avis.utils.optional import require

_WIDTH = 256  # pixels to which images are reduced, as PySceneDetect does


class ShotDetector:
    """PySceneDetect's ``ContentDetector``: a cut is a large change of hue, saturation and value.

    Fades are no cuts. Memory does not grow with the video.

    Args:
        fps: Frames per second.
        threshold: Mean change from which a frame starts a new shot, in levels of 0 to 255.
    """

    def __init__(self, *, fps: float, threshold: float = 27.0) -> None:
        install = "pip install 'avis[offline]'"
        require('scenedetect', by='ShotDetector', install=install)
        detectors = require('scenedetect.detectors', by='ShotDetector', install=install)
        # Cuts in a row count each: no face may be followed across one of them.
        self._detector: Any = detectors.ContentDetector(threshold=threshold, min_scene_len=1)
        self._timecode: Any = require('scenedetect.common', by='ShotDetector', install=install)
        self._fps = fps

    def starts_shot(self, frame: int, image: ImageArray) -> bool:
        """Whether a frame starts a new shot; frames must be passed in order.

        Args:
            frame: Index of the frame.
            image: RGB (H, W, 3).
        """
        height, width = image.shape[:2]
        if width > _WIDTH:
            size = (_WIDTH, max(round(height * _WIDTH / width), 1))
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        timecode = self._timecode.FrameTimecode(frame, self._fps)
        return bool(self._detector.process_frame(timecode, bgr))
