"""Predict videos of 200, 2,000 and 20,000 frames and compare the memory, each in a fresh process.

The model is an AVInstanceSegmentor with all components of a real one, but narrow: ResNet-18 with 8
channels, deformable pixel decoder, Mask2Former frame head, log-mel network, query matching tracker.
All of it runs on every frame. Because its weights are random, its predictions are replaced by the
pixels of the two boxes that move through the video: memory grows with the content, which should be
that of a real video. The mp4 is 360 x 640 with audio at 16 kHz.

Memory is the peak resident memory of the process. The threshold above which glibc returns freed
blocks to the system is fixed (MALLOC_MMAP_THRESHOLD_); otherwise it depends on the freed blocks.

    python benchmarks/streaming_memory.py                        # a quarter of an hour on one core
    python benchmarks/streaming_memory.py --frames 100 400 --window 20
    python benchmarks/streaming_memory.py --outputs               # write all files, as infer does
    python benchmarks/streaming_memory.py --outputs --fps 2 --frames 120 3600  # 1 and 30 minutes

With ``--config`` the model is that of a config of TPAVI, narrow and at 64 x 64 pixels, with a
log-mel network instead of VGGish; its clips are interleaved, because the video has 25 frames per
second:

    python benchmarks/streaming_memory.py --frames 225 2250 --config tpavi_r50_s4
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
SIZE, SAMPLE_RATE = (360, 640), 16000
COLORS = np.array([[230, 40, 40], [40, 40, 230]], np.uint8)
MALLOC_SETTINGS = {'MALLOC_MMAP_THRESHOLD_': str(32 << 20)}


def write_video(path: Path, length: int, fps: float) -> None:
    """Write a video of two boxes that move over noise; one of them is absent at times."""
    from avis.utils.mp4 import write_mp4

    def audio(start: int, end: int) -> NDArray[np.int16]:
        return (8000 * np.sin(np.arange(start, end) / 20)).astype(np.int16)

    write_mp4(path, _frames(length), fps=fps, audio=audio, sample_rate=SAMPLE_RATE)


def _frames(length: int) -> Iterator[NDArray[np.uint8]]:
    noise = np.random.default_rng(0).integers(90, 150, (45, 80, 3)).astype(np.uint8)
    background = np.kron(noise, np.ones((8, 8, 1), np.uint8))
    for t in range(length):
        frame = background.copy()
        for number, color in enumerate(COLORS):
            if number and t % 200 > 120:
                continue
            left = round(250 + 200 * np.sin(t / 60 + 2 * number))
            top = round(120 + 90 * np.sin(t / 41 + number))
            frame[top : top + 130, left : left + 90] = color
        yield frame


def build() -> Any:
    """Build the narrow model, with a config for reading videos."""
    import torch
    from mmdet.models.backbones import ResNet
    from mmengine.config import Config

    from avis.datasets.transforms.audio import LoadAudio
    from avis.datasets.transforms.geometry import ResizeClip
    from avis.datasets.transforms.loading import LoadFrames
    from avis.datasets.transforms.packing import PackAVInputs
    from avis.models.audio_encoders.log_mel_cnn import LogMelCNN
    from avis.models.data_preprocessors.av_data_preprocessor import AVDataPreprocessor
    from avis.models.decode_heads.frame_predictions import FramePredictions, MaskProjection
    from avis.models.decode_heads.mask2former_frame_head import Mask2FormerFrameHead
    from avis.models.necks.deformable_pixel_decoder import DeformablePixelDecoder
    from avis.models.segmentors.av_instance_segmentor import AVInstanceSegmentor
    from avis.models.trackers.query_matching_tracker import QueryMatchingTracker

    class ReplacedPredictions(AVInstanceSegmentor):
        """Runs completely, then replaces the first two queries by the boxes found by color."""

        def predict_frames(self, inputs: Any) -> Any:
            frames, audio = super().predict_frames(inputs)
            small = inputs['frames'][..., 2::4, 2::4]  # (1, T, 3, h, w), as the mask logits
            pixels = small * self.data_preprocessor.std + self.data_preprocessor.mean
            colors = torch.from_numpy(COLORS).to(pixels)[:, :, None, None]
            inside = (pixels[:, :, None] - colors).abs().amax(3) < 70  # (1, T, 2, h, w)
            frames.pixel_features[:, :, :2] = torch.where(inside, 8.0, -8.0)
            visible = inside.flatten(3).sum(3) > 50
            frames.class_logits[...] = -9.0
            frames.class_logits[..., -1] = 9.0
            frames.class_logits[:, :, :2, 0] = torch.where(visible, 11.0, -9.0)
            channels = frames.pixel_features.shape[2]
            eye = torch.eye(channels, device=pixels.device)
            frames.mask_embeds[:, :, :2] = eye[:2]
            frames.queries[:, :, :, :2] = 9 * eye[:2]
            projection = MaskProjection(eye, torch.zeros_like(eye[0]))
            replaced: FramePredictions = replace(frames, projection=projection)
            return replaced, audio

    torch.manual_seed(0)
    width = 32  # the pixel decoder normalizes 32 groups
    model = ReplacedPredictions(
        data_preprocessor={'type': AVDataPreprocessor},
        backbone={'type': ResNet, 'depth': 18, 'stem_channels': 8, 'base_channels': 8},
        audio_encoder={'type': LogMelCNN, 'out_channels': width, 'width': 8},
        frame_head={
            'type': Mask2FormerFrameHead,
            'num_classes': 2,
            'channels': width,
            'num_queries': 8,
            'num_layers': 3,
            'num_heads': 2,
            'hidden_channels': 32,
            'pixel_decoder': {
                'type': DeformablePixelDecoder,
                'in_channels': (8, 16, 32, 64),
                'channels': width,
                'num_layers': 1,
                'num_heads': 2,
                'num_points': 2,
                'hidden_channels': 32,
            },
        },
        tracker={'type': QueryMatchingTracker},
        frames_per_chunk=10,
    )
    pipeline = [
        {'type': LoadFrames, 'resize': {'type': ResizeClip, 'short_side': SIZE[0]}},
        {'type': LoadAudio, 'sample_rate': SAMPLE_RATE},
        {'type': PackAVInputs},
    ]
    dataset = {'type': 'AVISeg', 'pipeline': pipeline}
    model.cfg = Config({'test_dataloader': {'dataset': dataset}})
    return model.eval()


def build_semantic(name: str) -> Any:
    """Build the model of a config of TPAVI with all its components, but narrow."""
    import torch

    from avis.apis import init_model, load_config
    from avis.apis.models import find_model
    from avis.models import LogMelCNN

    channels = 16
    config = load_config(find_model(name).config)
    model = config.model
    model.backbone.update(depth=18, stem_channels=8, base_channels=8, init_cfg=None)
    model.neck.update(in_channels=[8, 16, 32, 64], out_channels=channels)
    model.audio_encoder = {'type': LogMelCNN, 'out_channels': channels, 'width': 8}
    model.fusion.update(channels=channels, audio_dim=channels, identity_init=False)
    model.decode_head.channels = channels
    config.test_dataloader.dataset.pipeline.resize.size = (64, 64)
    torch.manual_seed(0)
    return init_model(config)


def predict(path: Path, window: int, out: Path | None, config: str | None) -> dict[str, float]:
    """Predict one video in this process; return frames per second, peak memory and RLE sizes."""
    import resource

    from avis.apis import predict_video, video_record
    from avis.apis.batch_inference import write_outputs
    from avis.apis.inference_options import InferenceOptions
    from avis.apis.video_results import to_video_result

    model = build() if config is None else build_semantic(config)
    record = video_record(path)
    start, cpu = time.perf_counter(), time.process_time()
    sample = predict_video(model, record, size=window, overlap=0)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    if out is not None:
        write_outputs(out, record, to_video_result(record, sample), InferenceOptions())
    tracks = sample.pred_tracks
    masks = [rle for track in tracks.masks for rle in track.rles if rle is not None]
    return {
        'frames': record['length'],
        'fps': record['length'] / seconds,
        'fps_cpu': record['length'] / cpu,
        'peak_mb': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
        'tracks': len(tracks),
        'masks': len(masks),
        'rle_mb': sum(len(rle['counts']) for rle in masks) / 1e6,
    }


def in_fresh_process(
    path: Path, window: int, outputs: bool, config: str | None
) -> dict[str, float]:
    """Run :func:`predict` in its own process."""
    command = [sys.executable, __file__, '--video', str(path), '--window', str(window)]
    command += [] if config is None else ['--config', config]
    done = subprocess.run(
        [*command, *(['--outputs'] if outputs else [])],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **MALLOC_SETTINGS, 'PYTHONPATH': str(ROOT)},
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--frames', type=int, nargs='+', default=[200, 2000, 20000])
    parser.add_argument('--window', type=int, default=25, help='frames of a window')
    parser.add_argument('--fps', type=float, default=25, help='of the video')
    parser.add_argument('--outputs', action='store_true', help='write all files, as infer does')
    parser.add_argument('--config', help='name of a config of TPAVI')
    parser.add_argument('--video', type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.video is not None:
        out = args.video.with_suffix('') if args.outputs else None
        print(json.dumps(predict(args.video, args.window, out, args.config)))
        return
    print(
        f'{"frames":>7} {"peak MB":>8} {"frames/s":>9} {"per CPU s":>9} {"masks":>7} {"RLE MB":>7}'
    )
    with tempfile.TemporaryDirectory() as folder:
        for length in args.frames:
            path = Path(folder) / f'{length}.mp4'
            write_video(path, length, args.fps)
            row = in_fresh_process(path, args.window, args.outputs, args.config)
            print(
                f'{row["frames"]:7d} {row["peak_mb"]:8.0f} {row["fps"]:9.1f} '
                f'{row["fps_cpu"]:9.1f} {row["masks"]:7d} {row["rle_mb"]:7.2f}',
                flush=True,
            )
            path.unlink()


if __name__ == '__main__':
    main()
