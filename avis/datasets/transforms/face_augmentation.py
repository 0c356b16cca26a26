"""Augmentation of face tracks: one flip, crop or rotation for all frames of a track."""

from typing import Any, Literal

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from numpy.typing import NDArray

from avis.datasets.transforms.clip import clip_name, worker_random
from avis.registry import TRANSFORMS

FaceAugmentation = Literal['none', 'flip', 'crop', 'rotate']
_KINDS: tuple[FaceAugmentation, ...] = ('none', 'flip', 'crop', 'rotate')


@TRANSFORMS.register_module()
class AugmentFaces(BaseTransform):
    """Flip, crop or rotate all faces of a track, or leave them: each with the same probability.

    Reads and writes ``faces`` uint8 (T, H, W).

    Source: the training of TalkNet (Tao et al., ACM MM 2021), which Light-ASD and LR-ASD share.

    Args:
        min_scale: Smallest side of a crop, relative to the face.
        max_angle: Largest rotation in degrees, to either side.
    """

    def __init__(self, *, min_scale: float = 0.7, max_angle: float = 15.0) -> None:
        self.min_scale = min_scale
        self.max_angle = max_angle

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        if 'faces' not in results:
            raise ValueError(
                f'{clip_name(results)}: AugmentFaces expected faces, got none; put LoadFaces '
                f'before it'
            )
        random, faces = worker_random(), results['faces']
        size = faces.shape[1]
        side = int(size * random.uniform(self.min_scale, 1))
        column, row = random.randint(0, size - side + 1, 2)
        angle = random.uniform(-self.max_angle, self.max_angle)
        kind = _KINDS[random.randint(len(_KINDS))]
        changed = augment_faces(faces, kind, side=side, row=row, column=column, angle=angle)
        return {**results, 'faces': changed}


def augment_faces(
    faces: NDArray[np.uint8],
    kind: FaceAugmentation,
    *,
    side: int,
    row: int,
    column: int,
    angle: float,
) -> NDArray[np.uint8]:
    """Change all faces of a track in the same way.

    Args:
        faces: uint8 (T, H, W), square.
        kind: What to do.
        side: Side of the crop in pixels.
        row: First row of the crop.
        column: First column of the crop.
        angle: Rotation about the center in degrees; the border becomes black.

    Returns:
        uint8 (T, H, W).
    """
    size = faces.shape[1]
    if kind == 'none':
        return faces
    if kind == 'flip':
        return np.ascontiguousarray(faces[:, :, ::-1])
    if kind == 'crop':
        crops = faces[:, row : row + side, column : column + side]
        changed = [cv2.resize(np.ascontiguousarray(crop), (size, size)) for crop in crops]
    else:
        matrix = cv2.getRotationMatrix2D((size / 2, size / 2), angle, 1)
        changed = [cv2.warpAffine(face, matrix, (size, size)) for face in faces]
    return np.stack(changed).astype(np.uint8)
