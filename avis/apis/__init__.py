"""What a user of avis calls; everything else is reached through its room."""

from avis.apis.checkpoint import convert_checkpoint, init_model
from avis.apis.config import load_config

__all__ = ['convert_checkpoint', 'init_model', 'load_config']
