"""Check when and how frames and audio of unusual video files are read, and compare decoders.

Writes small videos with a flash, a beep and marked corners in many containers, codecs, frame rates,
offsets and orientations (tests/helpers/odd_media.py). Each is read by LoadFrames and LoadAudio in
one go and in windows, by VideoFileFrames, and from the annotated video of write_track_video. All of
them must find flash and beep within one frame of each other and of the true time, upright.

Then AVTracker, with parts that recognize the beep and track a corner, writes all outputs of the
file. The largest difference from the true times is printed for flash and beep of the annotated
video and for speakers.csv. With --ffmpeg, the frames are also compared with those that the ffmpeg
program decodes.

    python benchmarks/media_time.py
    python benchmarks/media_time.py --only ts avi --ffmpeg /usr/bin/ffmpeg

With --decoder only flashes, beeps and corners of the frames and samples that a library returns are
checked, and its speed is measured; torchcodec needs an environment of its own with PyAV.

    python benchmarks/media_time.py --decoder avis
    python benchmarks/media_time.py --decoder torchcodec
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault('OMP_NUM_THREADS', '1')  # before NumPy and torch read it
sys.path.insert(0, str(Path(__file__).parents[1]))

import av
import numpy as np
from numpy.typing import NDArray

from tests.helpers.odd_media import FPS, MP4, ODD_FILES, RATE, OddFile, compare, write_odd

Media = tuple[NDArray[np.uint8], NDArray[Any]]


def main() -> int:
    """Check the files and print a line for each that is wrong; returns their number."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--only', nargs='+', default=[''], help='files whose name contains this')
    parser.add_argument('--ffmpeg', help='ffmpeg program to compare with')
    parser.add_argument('--decoder', choices=('avis', 'torchcodec'))
    args = parser.parse_args()
    av.logging.set_level(av.logging.PANIC)
    names = [name for name in ODD_FILES if any(part in name for part in args.only)]
    wrong = 0
    if not args.decoder:
        print(f'{"":28s} interval, flash, beep and speakers.csv')
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            spec = ODD_FILES[name]
            path = write_odd(Path(folder) / name.replace(' ', '_'), spec)
            problems, times = check(path, spec, args.decoder, args.ffmpeg)
            wrong += bool(problems)
            print(f'{name:28s} {times}{"; ".join(problems) or "ok"}', flush=True)
        print(f'{len(names) - wrong} of {len(names)} files are right')
        if args.decoder:
            print_speed(args.decoder, Path(folder))
    return wrong


def check(
    path: Path, spec: OddFile, decoder: str | None, ffmpeg: str | None
) -> tuple[list[str], str]:
    """Return what is wrong with one file, and the differences of its outputs."""
    try:
        if decoder:
            return compare(*DECODERS[decoder](path), spec), ''
        from tests.helpers.odd_media_checks import check_odd
        from tests.helpers.odd_media_outputs import write_and_find

        problems = check_odd(path, spec, path.with_suffix('.written.mp4'))
        found = write_and_find(path, path.with_suffix('.outputs'))
        problems += found.wrong(spec) + (compare_with_ffmpeg(path, ffmpeg) if ffmpeg else [])
        apart = (f'{1000 * value:4.0f}' for value in found.differences(spec).values())
        return problems, f'{1000 * found.interval:6.1f} {" ".join(apart)} ms  '
    except Exception as error:  # what a decoder raises is a result
        return [f'{type(error).__name__}: {str(error)[:100]}'], ''


def compare_with_ffmpeg(path: Path, ffmpeg: str) -> list[str]:
    """Compare each frame that ffmpeg decodes with the one that is read at its time."""
    from avis.datasets.readers.video import read_video_frames

    command = [ffmpeg, '-v', 'quiet', '-i', path, '-map', '0:v:0', '-fps_mode', 'passthrough']
    # By default time stamps are rounded to the frame rate.
    command += ['-enc_time_base', '1/90000']
    # In MPEG-TS and MPEG-PS, time starts with the earliest stream that is used: use the audio, too.
    both = [*command, '-map', '0:a?', '-f', 'framecrc', '-']
    listed = subprocess.run(both, capture_output=True, text=True)
    lines = [line for line in listed.stdout.splitlines() if line]
    base = next(line.split()[-1] for line in lines if line.startswith('#tb 0'))
    numerator, denominator = map(int, base.split('/'))
    rows = [line.split(',') for line in lines if line.startswith('0,')]
    times = [int(row[2]) * numerator / denominator for row in rows]
    raw = [*command, '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-sws_flags', 'bicubic', '-']
    pixels = np.frombuffer(subprocess.run(raw, capture_output=True).stdout, np.uint8)
    own = read_video_frames(path, times)
    if pixels.size != own.size:
        return [f'ffmpeg: {pixels.size} values, read {own.size}']
    apart = np.abs(pixels.reshape(own.shape).astype(int) - own).mean(axis=(1, 2, 3))
    different = np.flatnonzero(apart > 2)
    return [f'ffmpeg: other frames at {different[:10].tolist()}'] if len(different) else []


def read_avis(path: Path) -> Media:
    """Read frames and samples with the readers of avis."""
    from avis.datasets.readers.audio import read_audio
    from avis.datasets.readers.video import read_video_frames, video_info

    times = np.arange(int(video_info(path).seconds * FPS + 1e-3)) / FPS
    return read_video_frames(path, times), read_audio(path, sample_rate=RATE)


def read_torchcodec(path: Path) -> Media:
    """Read the same with torchcodec in its exact mode, from the earlier start of both streams."""
    from torchcodec.decoders import AudioDecoder, VideoDecoder

    video = VideoDecoder(str(path), seek_mode='exact', dimension_order='NHWC')
    samples = AudioDecoder(str(path), sample_rate=RATE, num_channels=1).get_all_samples()
    first, end = video.metadata.begin_stream_seconds, video.metadata.end_stream_seconds
    start = min(first, samples.pts_seconds)
    times = np.arange(int((end - start) * FPS + 1e-3)) / FPS + start
    frames = video.get_frames_played_at(np.clip(times, first, end - 1e-3).tolist()).data.numpy()
    silence = np.zeros(round((samples.pts_seconds - start) * RATE), np.float32)
    return frames, np.concatenate([silence, samples.data[0].numpy()])


DECODERS: dict[str, Callable[[Path], Media]] = {'avis': read_avis, 'torchcodec': read_torchcodec}


def print_speed(decoder: str, folder: Path) -> None:
    """Print processor time per frame, in order and at random, and the peak of memory."""
    path = write_large(folder / 'large.mp4')
    times = np.arange(500) / 25
    some = np.random.default_rng(0).permutation(times)[:40]
    read = _avis_frames if decoder == 'avis' else _torchcodec_frames
    read(path, times[:2])
    for title, wanted in (('in order', times), ('at random', some)):
        begin = time.process_time()
        for block in np.array_split(wanted, 10):
            read(path, block)
        rate = len(wanted) / (time.process_time() - begin)
        print(f'{title}: {rate:.0f} frames/s')
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f'peak of memory: {peak:.0f} MB')


def write_large(path: Path) -> Path:
    """Write 20 s of moving noise, 640 x 360, with a key frame per second."""
    noise = np.random.default_rng(0).integers(0, 255, (400, 680, 3)).astype(np.uint8)
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('libx264', rate=25, options={'g': '25', **MP4.options})
        stream.width, stream.height, stream.pix_fmt = 640, 360, 'yuv420p'
        for k in range(500):
            image = np.ascontiguousarray(noise[k % 40 :, k % 40 :][:360, :640])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format='rgb24')))
        container.mux(stream.encode(None))
    return path


def _avis_frames(path: Path, times: NDArray[Any]) -> Any:
    from avis.datasets.readers.video import read_video_frames

    return read_video_frames(path, times)


def _torchcodec_frames(path: Path, times: NDArray[Any]) -> Any:
    from torchcodec.decoders import VideoDecoder

    decoder = VideoDecoder(str(path), num_ffmpeg_threads=1, dimension_order='NHWC')
    return decoder.get_frames_played_at(times.tolist()).data.numpy()


if __name__ == '__main__':
    sys.exit(min(main(), 1))
