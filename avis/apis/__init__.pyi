# Names that the package exports; see tests/test_exports.py.
from .av_inferencer import AVInferencer as AVInferencer
from .batch_inference import infer as infer
from .checkpoint import convert_checkpoint as convert_checkpoint
from .checkpoint import init_model as init_model
from .config import load_config as load_config
from .config_files import list_configs as list_configs
from .evaluation import evaluate as evaluate
from .inference import predict_video as predict_video
from .models import get_model as get_model
from .models import list_models as list_models
from .recipe import compare_recipes as compare_recipes
from .recipe import extract_recipe as extract_recipe
from .runner import test as test
from .runner import train as train
from .video_records import video_record as video_record
from .video_results import to_video_result as to_video_result
