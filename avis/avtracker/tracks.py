"""From answers to tracks: the mask of each person in each frame."""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from avis.avtracker.interfaces import GroundedUtterance, LocalAnswer, VideoContext
from avis.avtracker.track_ids import main_object
from avis.avtracker.windows import SpeechWindow, nearest_asked, rows_of_window
from avis.structures.masks import RLE, rle_area
from avis.structures.media import FrameDetections


@dataclass(frozen=True)
class SegmentMasks:
    """A window with its masks.

    Args:
        window: The window.
        answer: Who speaks.
        utterance: The same for identity association.
        masks: Per frame of the utterance, None for nobody.
        areas: Pixels per frame.
        persons: Per frame a number of the person, if people speak in turn; None for one speaker.
    """

    window: SpeechWindow
    answer: LocalAnswer
    utterance: GroundedUtterance
    masks: list[RLE | None]
    areas: list[int]
    persons: list[int | None] | None = None


@dataclass
class Person:
    """One speaker.

    Args:
        number: From 0.
        name: Name from identity association: text or number.
        windows: Windows in which the person speaks, in the order of the answer.
        masks: By frame; None where a window covers the frame but has no mask.
        rows: The same as rows of the frame's detections.
    """

    number: int
    name: Any
    windows: list[int] = field(default_factory=list)
    masks: dict[int, RLE | None] = field(default_factory=dict)
    rows: dict[int, int | None] = field(default_factory=dict)


def segment_masks(video: VideoContext, window: SpeechWindow, answer: LocalAnswer) -> SegmentMasks:
    """Masks of all frames of the window, also of those between the frames of the query."""
    asked = window.query.frame_ids
    rows = answer.rows
    if asked != window.frame_ids:
        ids = [
            None if row is None else int(video.found(frame).ids[row])
            for frame, row in zip(asked, rows, strict=True)
        ]
        rows = rows_of_window(video, window, ids)
    masks = [
        None if row is None else video.found(frame).masks[row]
        for frame, row in zip(window.frame_ids, rows, strict=True)
    ]
    areas = [rle_area(mask) for mask in masks]
    key = window.frame_ids[areas.index(max(areas))]
    persons = answer.persons
    if persons is not None and asked != window.frame_ids:
        persons = [persons[index] for index in nearest_asked(asked, window.frame_ids)]
    utterance = GroundedUtterance(window.query, window.frame_ids, rows, key)
    return SegmentMasks(window, answer, utterance, masks, areas, persons)


def split_by_person(segment: SegmentMasks) -> list[SegmentMasks]:
    """One part per person of a window in which people speak in turn, each with its own masks."""
    persons = [each for each in dict.fromkeys(segment.persons or ()) if each is not None]
    if len(persons) < 2:
        return [segment]
    return [_part_of(segment, person) for person in persons]


def _part_of(segment: SegmentMasks, person: int) -> SegmentMasks:
    """The part of a window in which one person speaks."""
    assert segment.persons is not None
    own = [each == person for each in segment.persons]
    utterance, query = segment.utterance, segment.window.query
    areas = [area if mine else 0 for area, mine in zip(segment.areas, own, strict=True)]
    start, end = query.timestamp
    last = len(own) - own[::-1].index(True)
    span = tuple(start + (end - start) * edge / len(own) for edge in (own.index(True), last))
    part = replace(
        utterance,
        query=replace(query, timestamp=(span[0], span[1])),
        rows=[row if mine else None for row, mine in zip(utterance.rows, own, strict=True)],
        key_frame=utterance.frame_ids[areas.index(max(areas))],
    )
    masks = [mask if mine else None for mask, mine in zip(segment.masks, own, strict=True)]
    return replace(segment, utterance=part, masks=masks, areas=areas)


def merge_windows(
    video: VideoContext,
    grouped: Mapping[Any, Sequence[int]],
    windows: Sequence[SegmentMasks],
    counts: Counter[str],
) -> Iterator[Person]:
    """The persons, each window assigned to one of them.

    Where windows of a person overlap, a mask wins over none and a larger mask over a smaller one.

    Args:
        video: For the object ids.
        grouped: Positions in ``windows`` by name.
        windows: The windows with a mask.
        counts: Counts the windows that are assigned by their object.
    """
    owners = _owners(video, grouped, windows, counts)
    numbers = _numbers(owners)
    for name, positions in owners.items():
        person = Person(numbers[name], name)
        for position in positions:
            for frame, mask, row in add_window(person, windows[position]):
                old = person.masks.get(frame)
                if old is None or (mask is not None and rle_area(mask) >= rle_area(old)):
                    person.masks[frame], person.rows[frame] = mask, row
        yield person


def add_window(person: Person, masks: SegmentMasks) -> Iterable[tuple[int, RLE | None, int | None]]:
    """Note a window of a person; return frame, mask and row of each of its frames."""
    person.windows.append(masks.window.query.window)
    return zip(masks.window.frame_ids, masks.masks, masks.utterance.rows, strict=False)


def _owners(
    video: VideoContext,
    grouped: Mapping[Any, Sequence[int]],
    windows: Sequence[SegmentMasks],
    counts: Counter[str],
) -> dict[Any, list[int]]:
    """Every position once, under the name of its person.

    A window in several persons, or in none, is assigned to the one with most windows of its object.
    """
    objects = [main_object(video, each.utterance) for each in windows]
    claims: dict[int, list[Any]] = {position: [] for position in range(len(windows))}
    for name, positions in grouped.items():
        for position in dict.fromkeys(positions):
            claims[position].append(name)
    # How often each object is that of a window that belongs to this person alone.
    alone: dict[Any, Counter[int | None]] = {name: Counter() for name in grouped}
    for position, names in claims.items():
        if len(names) == 1:
            alone[names[0]][objects[position]] += 1
    chosen: dict[int, Any] = {}
    for position, names in claims.items():
        if len(names) > 1:
            counts['windows_in_several_persons'] += 1
        if names:
            chosen[position] = _with_most(objects[position], alone, names)
    owners = {
        name: [position for position in dict.fromkeys(positions) if chosen[position] == name]
        for name, positions in grouped.items()
    }
    # A person named without a window is kept; one that lost all windows to others is dropped.
    owners = {name: own for name, own in owners.items() if own or not len(grouped[name])}
    for position, names in claims.items():
        if not names:
            counts['windows_in_no_person'] += 1
            _assign_unclaimed(position, objects[position], alone, owners)
    return owners


def _with_most(wanted: int | None, objects: Mapping[Any, Counter[int | None]], names: Any) -> Any:
    """The person with most windows of an object, the first one of several."""
    return max(names, key=lambda name: objects[name][wanted])


def _assign_unclaimed(
    position: int,
    wanted: int | None,
    alone: dict[Any, Counter[int | None]],
    owners: dict[Any, list[int]],
) -> None:
    """Assign a window that is in no person to one with its object, else to a new one."""
    name = _with_most(wanted, alone, owners) if owners else None
    if name is None or not alone[name][wanted]:
        number = 0
        while f'person_{number}' in alone or number in alone:
            number += 1
        name = f'person_{number}'
        owners[name], alone[name] = [], Counter()
    owners[name].append(position)
    alone[name][wanted] += 1


def _numbers(owners: Mapping[Any, Any]) -> dict[Any, int]:
    """A number per name: the one in ``person_<n>`` or of a plain number, else the next free one."""
    numbers: dict[Any, int] = {}
    for name in owners:
        digits = str(name).removeprefix('person_')
        number = int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 4 else -1
        if number >= 0 and number not in numbers.values():
            numbers[name] = number
    taken = set(numbers.values())
    free = (number for number in itertools.count() if number not in taken)
    for name in owners:
        if name not in numbers:
            numbers[name] = next(free)
    return numbers


def visible_masks(
    persons: Sequence[Person], detections: Sequence[FrameDetections | None]
) -> dict[int, list[RLE | None]]:
    """Masks of persons in all frames in which the instance tracker saw them, speaking or not.

    An object belongs to the person who speaks as that object in most frames. Where a person speaks,
    the mask is that of the speech; elsewhere it is that of the person's object.

    Args:
        persons: The persons.
        detections: One per frame; if an entry is missing, nobody is shown while silent, because
            rows of the official protocol then count from another frame.

    Returns:
        By number of the person one RLE per frame, None where the person is not visible.
    """
    complete = [frame for frame, found in enumerate(detections) if found is not None]
    votes = {person.number: _objects(person, detections, complete) for person in persons}
    owners = {
        each: max(votes, key=lambda number: votes[number][each])
        for each in {each for counts in votes.values() for each in counts}
    }
    if len(complete) < len(detections):
        owners = {}
    shown: dict[int, list[RLE | None]] = {}
    for person in persons:
        own = [each for each, _ in votes[person.number].most_common()]
        own = [each for each in own if owners.get(each) == person.number]
        shown[person.number] = [
            person.masks.get(frame) or _first_mask(found, own)
            for frame, found in enumerate(detections)
        ]
    return shown


def _objects(
    person: Person, detections: Sequence[FrameDetections | None], complete: Sequence[int]
) -> Counter[int]:
    """In how many frames the person speaks as each object; frames index ``complete``."""
    objects: Counter[int] = Counter()
    for frame, row in person.rows.items():
        found = detections[complete[frame]] if frame < len(complete) else None
        if row is not None and found is not None and row < len(found):
            objects[int(found.ids[row])] += 1
    return objects


def _first_mask(found: FrameDetections | None, objects: Iterable[int]) -> RLE | None:
    """The mask of the first of some objects that a frame shows."""
    if found is not None:
        masks = dict(zip(found.ids.tolist(), found.masks, strict=True))
        for each in objects:
            if each in masks:
                return masks[each]
    return None
