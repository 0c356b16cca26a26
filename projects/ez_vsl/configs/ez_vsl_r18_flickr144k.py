"""EZ-VSL trained on 144,000 frames of Flickr-SoundNet.

Target: cIoU 83.13, AUC 63.06. Status: not run yet. Deviates from the authors: nothing intended.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.flickr_soundnet import *
    from avis.configs._base_.default_runtime import *

    from ._base_.adam_20e import *
    from ._base_.ez_vsl_r18 import *

default_hooks.checkpoint.save_best = 'vggss/cIoU@0.5'
