"""H2S: audio-visual instance segmentation with eight separated audio streams, on top of avis.

Importing the package registers its classes, and the converter ``h2s``.

The method is that of the official code leiyeliu/H2S. Letters: N frames of a batch or of a chunk, S
audio streams of a frame, M heads, D width of an audio embedding; others as in avis.
"""

from h2s.audio import LoadSeparatedAudio
from h2s.clip_head import H2SClipHead
from h2s.converter import convert_h2s
from h2s.frame_head import H2SFrameHead
from h2s.pixel_decoder import H2SPixelDecoder
from h2s.sync_batch_norm import SyncBatchNorm

__all__ = [
    'H2SClipHead',
    'H2SFrameHead',
    'H2SPixelDecoder',
    'LoadSeparatedAudio',
    'SyncBatchNorm',
    'convert_h2s',
]
