"""Cut lists of who speaks when, for video editors."""

from pathlib import Path

from avis.export.names import file_name, one_line, speaker_name
from avis.export.registry import register_export
from avis.export.segments import video_segments
from avis.structures.video_result import VideoResult
from avis.utils.atomic import write_atomic

_MOST_EVENTS = 999  # of the format; editors read longer lists with more digits


@register_export('edl')
def write_edl(folder: Path, result: VideoResult) -> Path:
    """Write ``NAME.edl``, a CMX 3600 edit decision list: one event per segment of a speaker.

    Each event cuts the segment from the video and appends it; comments name the file and the
    speaker. Time codes count the frames of the video at its rounded frame rate, without drop
    frames. Segments of several speakers at a time are in the list several times.

    Returns:
        Path of the file.
    """
    rate = max(round(result.fps), 1)
    title = one_line(result.name) or 'video'
    segments = video_segments(result)
    digits = 3 if len(segments) <= _MOST_EVENTS else len(str(len(segments)))
    lines, end = [f'TITLE: {title}', 'FCM: NON-DROP FRAME'], 0
    for number, (track, (start, stop, _)) in enumerate(segments, start=1):
        first, last = round(start * result.fps), round(stop * result.fps)
        source, target = (first, last), (end, end + last - first)
        codes = ' '.join(timecode(frame, rate) for frame in (*source, *target))
        lines += [
            '',
            f'{number:0{digits}}  AX       AA/V  C        {codes}',
            f'* FROM CLIP NAME: {title}',
            f'* COMMENT: {speaker_name(track)}',
        ]
        end = target[1]
    path = folder / file_name(result, '.edl')
    write_atomic(path, '\n'.join(lines) + '\n', errors='replace')
    return path


def timecode(frame: int, rate: int) -> str:
    """Hours, minutes, seconds and frames.

    >>> timecode(90061, 25)
    '01:00:02:11'
    """
    seconds, frames = divmod(frame, rate)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours:02}:{minutes:02}:{seconds:02}:{frames:02}'
