# Names that the package exports; see tests/test_exports.py.
from .audio_encoders.base import AudioEncoder as AudioEncoder
from .audio_encoders.log_mel_cnn import LogMelCNN as LogMelCNN
from .audio_encoders.mfcc_encoder import MFCCEncoder as MFCCEncoder
from .audio_encoders.precomputed import PrecomputedAudio as PrecomputedAudio
from .audio_encoders.transformers_audio import TransformersAudio as TransformersAudio
from .audio_encoders.vggish import VGGish as VGGish
from .backbones.checkpointed_resnet import CheckpointedResNet as CheckpointedResNet
from .backbones.face_sequence_encoder import FaceSequenceEncoder as FaceSequenceEncoder
from .backbones.frozen_resnet import FrozenResNet as FrozenResNet
from .backbones.pvt_v2 import PVTv2 as PVTv2
from .backbones.timm_backbone import TimmBackbone as TimmBackbone
from .backbones.transformers_backbone import TransformersBackbone as TransformersBackbone
from .data_preprocessors.active_speaker_preprocessor import (
    ActiveSpeakerPreprocessor as ActiveSpeakerPreprocessor,
)
from .data_preprocessors.av_data_preprocessor import AVDataPreprocessor as AVDataPreprocessor
from .data_preprocessors.track_noise import TrackNoise as TrackNoise
from .decode_heads.avism_clip_head import AVISMClipHead as AVISMClipHead
from .decode_heads.avism_frame_head import AVISMFrameHead as AVISMFrameHead
from .decode_heads.mask2former_frame_head import Mask2FormerFrameHead as Mask2FormerFrameHead
from .decode_heads.refine_fpn_head import RefineFPNHead as RefineFPNHead
from .fusion.cross_attention import CrossAttentionFusion as CrossAttentionFusion
from .fusion.query_fusion import AVISMQueryFusion as AVISMQueryFusion
from .fusion.simple import AddFusion as AddFusion
from .fusion.simple import ConcatFusion as ConcatFusion
from .fusion.simple import NoFusion as NoFusion
from .fusion.text_fusion import TextAudioFusion as TextAudioFusion
from .fusion.tpavi import TPAVI as TPAVI
from .losses.active_speaker_loss import ActiveSpeakerLoss as ActiveSpeakerLoss
from .losses.avm_loss import AVMLoss as AVMLoss
from .losses.avm_loss import AVMSimilarityLoss as AVMSimilarityLoss
from .losses.clip_similarity_loss import ClipSimilarityLoss as ClipSimilarityLoss
from .losses.labeled_losses import LabeledBCELoss as LabeledBCELoss
from .losses.labeled_losses import LabeledCrossEntropyLoss as LabeledCrossEntropyLoss
from .losses.mask_set_loss import MaskSetLoss as MaskSetLoss
from .necks.deformable_pixel_decoder import DeformablePixelDecoder as DeformablePixelDecoder
from .necks.dilated_conv_neck import DilatedConvNeck as DilatedConvNeck
from .segmentors.av_instance_segmentor import AVInstanceSegmentor as AVInstanceSegmentor
from .segmentors.av_segmentor import AVSegmentor as AVSegmentor
from .segmentors.query_av_segmentor import QueryAVSegmentor as QueryAVSegmentor
from .sound_localizers.base import SoundLocalizer as SoundLocalizer
from .speaker_detectors.active_speaker_detector import (
    ActiveSpeakerDetector as ActiveSpeakerDetector,
)
from .speaker_detectors.networks import LRASD as LRASD
from .speaker_detectors.networks import LightASD as LightASD
from .task_modules.mask_matching import MaskMatcher as MaskMatcher
from .text_encoders.text_encoder import TextEncoder as TextEncoder
from .trackers.box_tracker import BoxTracker as BoxTracker
from .trackers.clip_query_tracker import ClipQueryTracker as ClipQueryTracker
from .trackers.detections import Detector as Detector
from .trackers.mask_overlap_tracker import MaskOverlapTracker as MaskOverlapTracker
from .trackers.online import OnlineTracker as OnlineTracker
from .trackers.query_matching_tracker import QueryMatchingTracker as QueryMatchingTracker
from .trackers.sounding_gate import SoundingGate as SoundingGate
