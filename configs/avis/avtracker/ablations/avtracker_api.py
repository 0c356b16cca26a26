"""AVTracker with a model behind an endpoint: vLLM, DashScope or similar. No published row.

The corrected protocol; the authors' client of such a model fails on every video.
The key is read from the environment variable DASHSCOPE_API_KEY when a request is sent. For an
endpoint without a key set both model.grounding.model.api_key_env and
model.identity.model.api_key_env to None: ``--cfg-options vlm.api_key_env=None`` has no effect.
"""

from mmengine.config import read_base

with read_base():
    from ...._base_.datasets.avtrack_videos import *
    from ...._base_.default_runtime import *
    from ...._base_.models.avtracker import *

from avis.avtracker import OpenAICompatibleVLM

vlm = dict(
    type=OpenAICompatibleVLM,
    model='qwen3-vl-plus',
    base_url='https://dashscope.aliyuncs.com/compatible-mode/v1',
    api_key_env='DASHSCOPE_API_KEY',
    max_concurrent=8,
)
model.grounding.model = vlm
model.identity.model = vlm
model.protocol = 'corrected'
# Long videos are tracked in windows, so that memory does not grow with their length.
model.instance_tracker.window_frames = 256
