"""VGGish alone, to check or inspect its weights: a checkpoint converted for it loads strictly."""

from avis.models import VGGish

default_scope = 'avis'
model = dict(type=VGGish, frozen=False)
