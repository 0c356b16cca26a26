# Names that the package exports; see tests/test_exports.py.
from .benchmarks.ava import AVABenchmark as AVABenchmark
from .benchmarks.avsbench import AVSBenchBenchmark as AVSBenchBenchmark
from .benchmarks.avss import AVSSBenchmark as AVSSBenchmark
from .benchmarks.avtrack import AVTrackBenchmark as AVTrackBenchmark
from .benchmarks.davis import DAVISBenchmark as DAVISBenchmark
from .benchmarks.diarization import DiarizationBenchmark as DiarizationBenchmark
from .benchmarks.mot import MOTBenchmark as MOTBenchmark
from .benchmarks.ref_avs import RefAVSBenchmark as RefAVSBenchmark
from .benchmarks.referring import ReferringBenchmark as ReferringBenchmark
from .benchmarks.sound_localization import FlickrSoundNetBenchmark as FlickrSoundNetBenchmark
from .benchmarks.sound_localization import VGGSSBenchmark as VGGSSBenchmark
from .benchmarks.vis import AVISegBenchmark as AVISegBenchmark
from .benchmarks.vis import YouTubeVISBenchmark as YouTubeVISBenchmark
from .benchmarks.vpo import VPOBenchmark as VPOBenchmark
from .benchmarks.youmvos import YouMVOSBenchmark as YouMVOSBenchmark
from .metrics.asd_metric import ASDMetric as ASDMetric
from .metrics.avs_metric import AVSMetric as AVSMetric
from .metrics.avss_metric import AVSSMetric as AVSSMetric
from .metrics.converted_metric import ConvertedMetric as ConvertedMetric
from .metrics.dump_predictions import DumpPredictions as DumpPredictions
from .metrics.ref_avs_metric import RefAVSMetric as RefAVSMetric
from .metrics.referring_metric import ReferringMetric as ReferringMetric
from .metrics.sound_localization_metric import (
    SoundLocalizationMetric as SoundLocalizationMetric,
)
from .metrics.track_metrics import AVISegMetric as AVISegMetric
from .metrics.track_metrics import AVTrackMetric as AVTrackMetric
from .metrics.track_metrics import YouTubeVISMetric as YouTubeVISMetric
from .metrics.vpo_metric import VPOMetric as VPOMetric
