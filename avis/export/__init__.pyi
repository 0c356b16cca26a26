# Names that the package exports; see tests/test_exports.py.
from .formats import check_formats as check_formats
from .formats import export_formats as export_formats
from .formats import write_exports as write_exports
from .layouts import write_youtube_vis as write_youtube_vis
from .registry import register_export as register_export
from .results import read_results as read_results
from .results import read_settings as read_settings
from .segments import SoundingSegment as SoundingSegment
from .segments import sounding_segments as sounding_segments
from .segments import video_segments as video_segments
