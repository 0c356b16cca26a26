# Names that the package exports; see tests/test_exports.py.
from .av_dataset import AVDataset as AVDataset
from .ava import AVAActiveSpeaker as AVAActiveSpeaker
from .ava_avd import AVAAVD as AVAAVD
from .aviseg import AVISeg as AVISeg
from .avsbench import AVSBenchMS3 as AVSBenchMS3
from .avsbench import AVSBenchS4 as AVSBenchS4
from .avsbench import AVSBenchSemantic as AVSBenchSemantic
from .avtrack import AVTrack as AVTrack
from .samplers.cost_sampler import CostSampler as CostSampler
from .samplers.track_sampler import TrackBatchSampler as TrackBatchSampler
from .samplers.track_sampler import TrackSampler as TrackSampler
from .vis import VISDataset as VISDataset
from .window_dataset import VideoSampler as VideoSampler
from .window_dataset import WindowDataset as WindowDataset
from .youtube_vis import YouTubeVIS as YouTubeVIS
