# Names that the package exports; see tests/test_exports.py.
from .av_visualizer import AVVisualizer as AVVisualizer
