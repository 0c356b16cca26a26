# Names that the package exports; see tests/test_exports.py.
from .benchmarks.ava import AVABenchmark as AVABenchmark
from .benchmarks.avsbench import AVSBenchBenchmark as AVSBenchBenchmark
from .benchmarks.avss import AVSSBenchmark as AVSSBenchmark
from .benchmarks.avtrack import AVTrackBenchmark as AVTrackBenchmark
from .benchmarks.davis import DAVISBenchmark as DAVISBenchmark
from .benchmarks.diarization import DiarizationBenchmark as DiarizationBenchmark
from .benchmarks.mot import MOTBenchmark as MOTBenchmark
from .benchmarks.referring import ReferringBenchmark as ReferringBenchmark
from .benchmarks.vis import AVISegBenchmark as AVISegBenchmark
from .benchmarks.vis import YouTubeVISBenchmark as YouTubeVISBenchmark
from .metrics.asd_metric import ASDMetric as ASDMetric
from .metrics.avs_metric import AVSMetric as AVSMetric
from .metrics.avss_metric import AVSSMetric as AVSSMetric
from .metrics.dump_predictions import DumpPredictions as DumpPredictions
from .metrics.track_metrics import AVISegMetric as AVISegMetric
from .metrics.track_metrics import AVTrackMetric as AVTrackMetric
from .metrics.track_metrics import YouTubeVISMetric as YouTubeVISMetric
