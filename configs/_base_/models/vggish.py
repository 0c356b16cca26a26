"""VGGish alone, to check or look at its weights: a checkpoint converted for it loads strictly."""

from avis.models.audio_encoders.vggish import VGGish

default_scope = 'avis'
model = dict(type=VGGish, frozen=False)
