"""Components that cannot work together are refused when a config is loaded."""

import pytest
from mmengine.config import Config

from avis.apis.compatibility import check_compatibility

MAPS = {'type': 'AVSegmentor', 'audio_encoder': {'type': 'LogMelCNN', 'out_channels': 64}}
HEAD = {'type': 'Mask2FormerFrameHead'}
TRACKS = {'type': 'avis.models.AVInstanceSegmentor', 'frame_head': HEAD}
TEXT = {'text_encoder': {'type': 'TextEncoder'}, 'fusion': {'type': 'TPAVI', 'audio_dim': 32}}
TEXT_FUSION = {'type': 'TextAudioFusion', 'channels': 32, 'audio_dim': 64}
QUERY_FUSION = {'type': 'AVISMQueryFusion', 'audio_dim': 64}


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        (
            {'model': {**MAPS, 'fusion': QUERY_FUSION}},
            r'model\.fusion: AVISMQueryFusion fuses audio into queries, which AVSegmentor',
        ),
        (
            {'model': {**TRACKS, 'frame_head': {'type': 'X', 'audio_fusion': {'type': 'TPAVI'}}}},
            r'model\.frame_head\.audio_fusion: TPAVI fuses audio into maps, but X has queries',
        ),
        (
            {'model': {**TRACKS, 'frame_head': {'type': 'AVISMFrameHead'}}},
            r'model\.frame_head: AVISMFrameHead needs audio_fusion; set AVISMQueryFusion, or use',
        ),
        (
            {'model': {**MAPS, 'audio_encoder': None}},
            r'model\.audio_encoder: AVSegmentor needs one',
        ),
        (
            {'model': {**TRACKS, 'tracker': {'head': {'type': 'AVISMClipHead'}}}},
            r'model\.tracker\.head\.audio_dim reads audio, but the model has no audio_encoder',
        ),
        (
            {'model': {**MAPS, 'fusion': {'type': 'TPAVI', 'audio_dim': 128}}},
            r'audio_dim is 128, but LogMelCNN returns rows of 64; set model\.fusion\.audio_dim=64',
        ),
        (
            {'model': {**MAPS, **TEXT, 'text_fusion': {**TEXT_FUSION, 'audio_dim': 8}}},
            r'model\.text_fusion\.audio_dim is 8, but LogMelCNN returns rows of 64',
        ),
        (
            {'model': {**MAPS, **TEXT, 'text_fusion': {**TEXT_FUSION, 'channels': 16}}},
            r'model\.fusion\.audio_dim is 32, but TextAudioFusion returns rows of 16',
        ),
        (
            {
                'model': {**MAPS, **TEXT, 'text_fusion': TEXT_FUSION},
                'test_dataloader': {'dataset': {'type': 'AVSBenchS4'}},
            },
            r'test_dataloader: .* reads expressions, which AVSBenchS4 does not have; use RefAVS',
        ),
        (
            {
                'model': MAPS,
                'train_dataloader': {'dataset': {'pipeline': [{'type': 'LoadTracks'}]}},
            },
            r'train_dataloader: AVSegmentor is trained with label maps, but the pipeline loads tra',
        ),
        (
            {
                'model': TRACKS,
                'train_dataloader': {'dataset': {'pipeline': {'a': {'type': 'LoadLabelMaps'}}}},
            },
            r'AVInstanceSegmentor is trained with tracks, but the pipeline loads label maps',
        ),
        (
            {'model': MAPS, 'test_evaluator': {'type': 'AVISegMetric'}},
            r"test_evaluator: AVISegMetric cannot .* AVSegmentor .*conversion='maps_to_tracks'",
        ),
        (
            {'model': TRACKS, 'val_evaluator': [{'type': 'AVSMetric'}]},
            r"val_evaluator: AVSMetric cannot .*conversion='tracks_to_maps'",
        ),
        (
            {'model': MAPS, 'test_cfg': {'type': 'VideoTestLoop'}},
            r'test_cfg: VideoTestLoop predicts a video in windows, which AVSegmentor cannot',
        ),
    ],
)
def test_pair_that_cannot_work_is_one_sentence(config, message) -> None:
    with pytest.raises(ValueError, match=message):
        check_compatibility(Config(config), 'a.py')


def test_pairs_that_work_and_unknown_classes_pass() -> None:
    converted = {'type': 'ConvertedMetric', 'metric': {'type': 'AVISegMetric'}}
    for config in (
        {'model': {**MAPS, 'fusion': {'type': 'TPAVI', 'audio_dim': 64}}},
        {'model': MAPS, 'test_evaluator': converted},
        {
            'model': {**MAPS, **TEXT, 'text_fusion': TEXT_FUSION},
            'test_dataloader': {'dataset': {'type': 'RefAVS'}},
        },
        {'model': {'type': 'Theirs', 'fusion': {'type': 'Theirs'}}, 'test_cfg': {'type': 'Loop'}},
        {'model': None},
    ):
        check_compatibility(Config(config), 'a.py')
