# Names that the package exports; see tests/test_exports.py.
from .audio import LoadAudio as LoadAudio
from .audio import MuteAudio as MuteAudio
from .color import ColorJitter as ColorJitter
from .geometry import CenterCrop as CenterCrop
from .geometry import RandomFlip as RandomFlip
from .geometry import RandomResizedCrop as RandomResizedCrop
from .geometry import ResizeClip as ResizeClip
from .loading import LoadFrames as LoadFrames
from .loading import LoadLabelMaps as LoadLabelMaps
from .moving_crop import RandomMovingCrop as RandomMovingCrop
from .packing import PackAVInputs as PackAVInputs
from .sampling import PadFrames as PadFrames
from .sampling import SampleAroundReference as SampleAroundReference
from .sampling import SampleFrames as SampleFrames
from .tracks import LoadTracks as LoadTracks
from .whole_video import OpenVideo as OpenVideo
from .whole_video import PackVideo as PackVideo
