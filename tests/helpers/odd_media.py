"""Make videos in unusual containers and codecs: flash and beep at known times, marked corners."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

SECONDS = 4
EVENTS = (1.0, 3.0)
"""Starts of flash and beep."""
LASTING = 0.4
HEIGHT, WIDTH = 64, 96
FPS, RATE = 25, 16000
"""Frames and samples per second that are read."""
CORNERS = {'top left': (255, 0, 0), 'top right': (0, 255, 0), 'bottom left': (0, 0, 255)}

# Display matrix a, b, c, d of the container, and what a player does with the stored image.
ORIENTATIONS: dict[str, tuple[tuple[int, int, int, int], Callable[[Any], Any]]] = {
    'clockwise': ((0, 1, -1, 0), lambda image: np.rot90(image, 1)),
    'half turn': ((-1, 0, 0, -1), lambda image: np.rot90(image, 2)),
    'counterclockwise': ((0, -1, 1, 0), lambda image: np.rot90(image, -1)),
    'mirrored': ((-1, 0, 0, 1), lambda image: image[:, ::-1]),
    'upside down': ((1, 0, 0, -1), lambda image: image[::-1]),
    'transposed': ((0, 1, 1, 0), lambda image: image.transpose(1, 0, 2)),
}


@dataclass(frozen=True)
class OddFile:
    """How a file is made.

    Attributes:
        suffix: Of the file, which decides the container.
        video: Encoder of the video; '' without video.
        audio: Encoder of the audio; '' without audio.
        fps: Frames per second.
        rate: Samples per second.
        options: Options of the video encoder.
        pix_fmt: Pixel format.
        start: Seconds added to all time stamps; what is before 0 is hidden by an edit list.
        first_frame: Second at which the video starts, later than the audio.
        first_sample: Second at which the audio starts, later than the video.
        layout: Channels; in '5.1' only the center has the beep.
        orientation: One of ``ORIENTATIONS``; '' for upright.
        kept: Which frames are written; all, if None. Others are shown longer.
        edit: Called with the packets (kind, packet), to damage them.
        pieces: How often the file is appended to itself.
        pixel_aspect: Width divided by height of a pixel.
        format: Name of the container, if the suffix lies.
        tracks: Number of audio tracks; only the first has the beep.
        delay: Seconds by which the encoder delays the audio without telling the container.
        trim: Rows and columns that are cut off at the bottom and on the right, for odd sides.
        unindexed: Write to a pipe, so that the container has no index and no length.
    """

    suffix: str
    video: str = 'libx264'
    audio: str = 'aac'
    fps: Fraction = Fraction(25)
    rate: int = 44100
    options: dict[str, str] = field(default_factory=dict)
    pix_fmt: str = 'yuv420p'
    start: float = 0.0
    first_frame: float = 0.0
    first_sample: float = 0.0
    layout: str = 'mono'
    orientation: str = ''
    kept: Callable[[int, float], bool] | None = None
    edit: Callable[[str, int, Any], Any] | None = None
    pieces: int = 1
    pixel_aspect: Fraction = Fraction(1)
    format: str = ''
    unindexed: bool = False
    tracks: int = 1
    delay: float = 0.0
    trim: int = 0

    @property
    def events(self) -> list[float]:
        """Starts of the flashes and beeps."""
        hidden = min(self.start, 0.0)
        return [event + SECONDS * k + hidden for k in range(self.pieces) for event in EVENTS]


def is_on(time: float) -> bool:
    """Whether flash and beep are on."""
    return any(event - 1e-6 <= time < event + LASTING - 1e-6 for event in EVENTS)


def image_at(time: float) -> NDArray[np.uint8]:
    """The upright frame at a time: three colored corners, and a white center in a flash."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[:24, :24], image[:24, -24:] = CORNERS['top left'], CORNERS['top right']
    image[-24:, :24] = CORNERS['bottom left']
    if is_on(time):
        image[:, 32:64] = 255
    return image


def write_odd(path: Path, spec: OddFile) -> Path:
    """Write one file; ``path`` without suffix."""
    path = path.with_name(path.name + spec.suffix)
    target: Any = _Pipe(path) if spec.unindexed else str(path)
    with av.open(target, 'w', format=spec.format or None) as container:
        streams = []
        if spec.video:
            streams.append(_video_stream(container, spec))
        streams += [_audio_stream(container, spec) for _ in range(spec.tracks if spec.audio else 0)]
        packets = []
        for stream in streams:
            for number, packet in enumerate(_encoded(stream, spec, streams.index(stream))):
                edited = packet if spec.edit is None else spec.edit(stream.type, number, packet)
                if edited is not None:
                    packets.append(edited)
        for packet in sorted(packets, key=_time):
            container.mux_one(packet)
    if spec.unindexed:
        target.file.close()
    if spec.orientation:
        _set_matrix(path, ORIENTATIONS[spec.orientation][0])
    if spec.pieces > 1:
        path.write_bytes(path.read_bytes() * spec.pieces)
    return path


class _Pipe:
    def __init__(self, path: Path) -> None:
        self.file = path.open('wb')

    def write(self, data: bytes) -> int:
        return self.file.write(data)


def _time(packet: Any) -> float:
    return float((packet.pts if packet.dts is None else packet.dts) * packet.time_base)


def _video_stream(container: Any, spec: OddFile) -> Any:
    stream = container.add_stream(spec.video, rate=spec.fps, options=spec.options)
    height, width = _stored(image_at(0), spec).shape[:2]
    stream.height, stream.width, stream.pix_fmt = height, width, spec.pix_fmt
    stream.codec_context.thread_count = 1
    if spec.pixel_aspect != 1:
        stream.codec_context.sample_aspect_ratio = spec.pixel_aspect
    return stream


def _audio_stream(container: Any, spec: OddFile) -> Any:
    stream = container.add_stream(spec.audio, rate=spec.rate, layout=spec.layout)
    stream.bit_rate = 96000 * stream.layout.nb_channels
    return stream


def _stored(image: NDArray[np.uint8], spec: OddFile) -> NDArray[np.uint8]:
    turn = ORIENTATIONS[spec.orientation][1] if spec.orientation else np.asarray
    return np.ascontiguousarray(turn(image[: HEIGHT - spec.trim, : WIDTH - spec.trim]))


def _encoded(stream: Any, spec: OddFile, number: int) -> Iterator[Any]:
    """Yield the packets of a stream."""
    frames = _frames(spec) if stream.type == 'video' else _samples(stream, spec, number)
    for frame in frames:
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _frames(spec: OddFile) -> Iterator[av.VideoFrame]:
    for k in range(round(SECONDS * spec.fps)):
        time = float(k / spec.fps)
        if time < spec.first_frame or (spec.kept is not None and not spec.kept(k, time)):
            continue
        image = _stored(image_at(time), spec)
        frame = av.VideoFrame.from_ndarray(image, format='rgb24')
        frame.pts, frame.time_base = k + round(spec.start * spec.fps), 1 / spec.fps
        yield frame


def _samples(stream: Any, spec: OddFile, number: int) -> Iterator[av.AudioFrame]:
    """The beep in the first track, silence in the others."""
    time = np.arange(SECONDS * spec.rate) / spec.rate
    on = np.zeros(len(time), bool)
    for event in EVENTS:
        on |= (time >= event) & (time < event + LASTING)
    mono = (0.5 * np.sin(2 * np.pi * 1000 * time) * on).astype(np.float32)
    layout = av.AudioLayout(spec.layout)
    waves = np.zeros((layout.nb_channels, len(time)), np.float32)
    is_first = number == (1 if spec.video else 0)
    if is_first:
        names = [channel.name for channel in layout.channels]
        waves[names.index('FC') if len(names) > 2 else slice(None)] = mono
    first = round(spec.first_sample * spec.rate)
    size = 1024
    for begin in range(first - first % size, len(time), size):
        block = np.ascontiguousarray(waves[:, begin : begin + size])
        frame = av.AudioFrame.from_ndarray(block, format='fltp', layout=spec.layout)
        frame.sample_rate, frame.time_base = spec.rate, Fraction(1, spec.rate)
        frame.pts = begin + round(spec.start * spec.rate)
        yield frame


def _set_matrix(path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Write the display matrix into the header of the first track of an MP4 file."""
    data = bytearray(path.read_bytes())
    at = data.index(b'tkhd') + 4 + 40
    a, b, c, d = (value * 65536 for value in matrix)
    struct.pack_into('>9i', data, at, a, b, 0, c, d, 0, 0, 0, 0x40000000)
    path.write_bytes(data)


def _damaged(kind: str, number: int, packet: Any) -> Any:
    """Overwrite every 31st packet."""
    return with_bytes(packet, b'\xff' * packet.size) if number % 31 == 17 else packet


def _lost(kind: str, number: int, packet: Any) -> Any:
    """Drop some packets of the video."""
    return None if kind == 'video' and number % 7 == 5 else packet


def with_bytes(packet: Any, data: bytes) -> Any:
    """Return a copy of a packet with other content."""
    copy = av.Packet(data)
    copy.stream, copy.time_base = packet.stream, packet.time_base
    copy.pts, copy.dts, copy.duration = packet.pts, packet.dts, packet.duration
    copy.is_keyframe = packet.is_keyframe
    return copy


def _slides(k: int, time: float) -> bool:
    """Only the frames at which the image changes."""
    return k == 0 or is_on(time) != is_on(time - 0.02)


def _uneven(k: int, time: float) -> bool:
    """A slow pace, then a fast one, with pauses."""
    return _slides(k, time) or (k % 3 == 0 if time < 2 else 2.2 < time < 2.7 or time > 3)


_B = {'bf': '2', 'g': '12', 'preset': 'ultrafast'}
_INTRA = {'g': '1', 'preset': 'ultrafast'}
NTSC = Fraction(30000, 1001)
MP4 = OddFile('.mp4', options=_B)
TS = OddFile('.ts', options=_B)

ODD_FILES: dict[str, OddFile] = {
    'mp4': MP4,
    'mp4 29.97': replace(MP4, fps=NTSC),
    'mp4 60': replace(MP4, fps=Fraction(60)),
    'mp4 starts at 0.5': replace(MP4, start=0.5),
    'mp4 video starts late': replace(MP4, first_frame=0.6),
    'mp4 audio starts late': replace(MP4, first_sample=0.6),
    'mp4 edit list': replace(MP4, start=-0.52),
    'mp4 without audio': replace(MP4, audio=''),
    'mp4 slides': replace(MP4, kept=_slides),
    'mp4 uneven': replace(MP4, kept=_uneven),
    'mp4 5.1': replace(MP4, layout='5.1', rate=48000),
    'mp4 10 bit': replace(MP4, pix_fmt='yuv420p10le'),
    'mp4 open gop': replace(
        MP4, options={'x264-params': 'open-gop=1:keyint=12:scenecut=0', 'bf': '3'}
    ),
    'mp4 intra refresh': replace(MP4, options={'x264-params': 'intra-refresh=1:keyint=20'}),
    'mp4 one key frame': replace(MP4, options={'g': '9999', 'sc_threshold': '0'}),
    'mp4 interlaced': replace(MP4, options={'flags': '+ildct+ilme', 'x264-params': 'tff=1'}),
    'mp4 wide pixels': replace(MP4, pixel_aspect=Fraction(16, 11)),
    'mp4 odd sides': replace(MP4, pix_fmt='yuv444p', trim=1),
    'mp4 damaged': replace(MP4, edit=_damaged, options=_INTRA),
    'mp4 lost packets': replace(MP4, edit=_lost, options=_INTRA),
    'mp4 two tracks': replace(MP4, tracks=2),
    'mp4 hevc open gop': replace(
        MP4,
        video='libx265',
        options={'x265-params': 'keyint=12:min-keyint=12:open-gop=1:bframes=3:log-level=none'},
    ),
    'mp4 mpeg4': replace(MP4, video='mpeg4'),
    'mp4 av1 opus': OddFile(
        '.mp4', 'libsvtav1', 'libopus', rate=48000, options={'preset': '12', 'g': '12'}
    ),
    'mov prores pcm': OddFile('.mov', 'prores_ks', 'pcm_s16le', pix_fmt='yuv422p10le'),
    'mov animation alpha': OddFile('.mov', 'qtrle', 'alac', pix_fmt='argb'),
    'mov mjpeg': OddFile('.mov', 'mjpeg', 'pcm_s16le', pix_fmt='yuvj420p'),
    '3gp h263': OddFile('.3gp', 'mpeg4', 'aac', rate=16000),
    **{f'mp4 {name}': replace(MP4, orientation=name) for name in ORIENTATIONS},
    'mkv': replace(MP4, suffix='.mkv'),
    'mkv 23.976 flac': replace(
        MP4, suffix='.mkv', fps=Fraction(24000, 1001), audio='flac', rate=48000
    ),
    'mkv wall clock': replace(MP4, suffix='.mkv', start=1.7e9),
    'mkv slides': replace(MP4, suffix='.mkv', kept=_slides),
    'mkv ac3 5.1': replace(MP4, suffix='.mkv', audio='ac3', layout='5.1', rate=48000),
    'mkv ffv1': OddFile('.mkv', 'ffv1', 'pcm_s16le', pix_fmt='yuv444p'),
    'mkv without index': replace(MP4, suffix='.mkv', format='matroska', unindexed=True),
    'webm vp8 vorbis': OddFile('.webm', 'libvpx', 'libopus', rate=48000, options={'g': '12'}),
    'webm vp9 uneven': OddFile(
        '.webm', 'libvpx-vp9', 'libopus', rate=48000, kept=_uneven, options={'cpu-used': '8'}
    ),
    'webm vp9 alpha': OddFile(
        '.webm', 'libvpx-vp9', 'libopus', rate=48000, pix_fmt='yuva420p', options={'cpu-used': '8'}
    ),
    'ts': TS,
    'ts starts at an hour': replace(TS, start=3600),
    'ts mpeg2 mp2': OddFile('.ts', 'mpeg2video', 'mp2', options=_B),
    'ts open gop': replace(TS, options={'x264-params': 'open-gop=1:keyint=12:scenecut=0'}),
    'ts two pieces': replace(TS, pieces=2),
    'ts damaged': replace(TS, edit=_damaged, options=_INTRA),
    'ts named mp4': replace(TS, suffix='.mp4', format='mpegts'),
    'mpg': OddFile('.mpg', 'mpeg2video', 'mp2', options=_B),
    'mpg two pieces': OddFile('.mpg', 'mpeg1video', 'mp2', options=_B, pieces=2),
    'avi': OddFile('.avi', 'mpeg4', 'libmp3lame', options={'g': '12'}),
    'avi b-frames': OddFile('.avi', 'mpeg4', 'libmp3lame', options=_B),
    'avi h264 b-frames': OddFile('.avi', 'libx264', 'libmp3lame', options=_B),
    'avi dropped frames': OddFile('.avi', 'mpeg4', 'pcm_s16le', kept=_uneven),
    'avi mjpeg': OddFile('.avi', 'mjpeg', 'pcm_s16le', pix_fmt='yuvj422p', fps=Fraction(15)),
    'flv': OddFile('.flv', 'flv', 'libmp3lame', options={'g': '12'}),
    'flv h264 aac': replace(MP4, suffix='.flv'),
    'wmv': OddFile('.wmv', 'wmv2', 'wmav2', options={'g': '12'}, delay=2048 / 44100),
    'wmv 15': OddFile('.wmv', 'msmpeg4v3', 'wmav2', fps=Fraction(15), delay=2048 / 44100),
}


def compare(images: NDArray[np.uint8], audio: NDArray[Any], spec: OddFile) -> list[str]:
    """Compare flashes, beeps and corners with what was written; return one line per difference."""
    frame = max(1 / FPS, 1 / float(spec.fps)) + 0.005  # beeps are found in blocks of 5 ms
    flashes = flash_starts(images)
    beeps = [start - spec.delay for start in beep_starts(audio)]
    problems = []
    for what, seen in (('flashes', flashes), ('beeps', beeps)):
        right = spec.events if spec.audio or what == 'flashes' else []
        if len(seen) != len(right) or np.abs(np.subtract(seen, right)).max(initial=0) > frame:
            problems.append(f'{what} at {seen}, right {right}')
    if len(flashes) == len(beeps) and flashes:
        apart = float(np.abs(np.subtract(flashes, beeps)).max())
        if apart > frame:
            problems.append(f'flash and beep {apart:.3f} s apart')
    problems += wrong_corners(images[len(images) // 2])
    return problems


def flash_starts(images: NDArray[np.uint8]) -> list[float]:
    """Times at which the center turns white."""
    return _starts(is_white(images), FPS)


def is_white(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether the center of each image is white."""
    height, width = images.shape[1:3]
    center = images[:, height // 2 - 4 : height // 2 + 4, width // 2 - 4 : width // 2 + 4]
    white: NDArray[np.bool_] = center.mean(axis=(1, 2, 3)) > 128
    return white


def beep_starts(audio: NDArray[Any]) -> list[float]:
    """Times at which 1 kHz begins, from blocks of 5 ms."""
    loud, rate = loud_blocks(audio)
    return [
        start
        for start in _starts(loud, rate)
        if loud[max(round(start * rate) - 20, 0) : round(start * rate)].sum() == 0
    ]


def loud_blocks(audio: NDArray[Any]) -> tuple[NDArray[np.bool_], int]:
    """Whether blocks of 5 ms are loud, and their number per second."""
    rate = 200
    size = RATE // rate
    blocks = audio[: len(audio) // size * size].reshape(-1, size)
    return np.sqrt((blocks**2).mean(axis=1)) > 0.1, rate


def _starts(on: NDArray[np.bool_], rate: float) -> list[float]:
    before = np.concatenate([[False], on[:-1]])
    return [round(float(k) / rate, 3) for k in np.flatnonzero(on & ~before)]


def wrong_corners(image: NDArray[np.uint8]) -> list[str]:
    """Corners of an image that do not have their color."""
    height, width = image.shape[:2]
    wrong = []
    for name, color in CORNERS.items():
        y = height // 8 if 'top' in name else height - 1 - height // 8
        x = width // 8 if 'left' in name else width - 1 - width // 8
        if np.abs(image[y, x].astype(int) - color).max() > 110:
            wrong.append(f'{name} is {image[y, x].tolist()}, right {color}')
    return wrong
