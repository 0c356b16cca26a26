# Names that the package exports; see tests/test_exports.py.
from .av_data_sample import AVDataSample as AVDataSample
from .mask_track import MaskTrack as MaskTrack
from .video_record import VideoRecord as VideoRecord
