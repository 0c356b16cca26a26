# Names that the package exports; see tests/test_exports.py.
from .metrics.avs_metric import AVSMetric as AVSMetric
from .metrics.avss_metric import AVSSMetric as AVSSMetric
from .metrics.dump_predictions import DumpPredictions as DumpPredictions
from .metrics.track_metrics import AVISegMetric as AVISegMetric
from .metrics.track_metrics import AVTrackMetric as AVTrackMetric
from .metrics.track_metrics import YouTubeVISMetric as YouTubeVISMetric
