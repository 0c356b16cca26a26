"""From answers to tracks: whose mask in which frame."""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from avis.avtracker.interfaces import LocalAnswer, Utterance, VideoContext
from avis.avtracker.track_ids import main_object
from avis.avtracker.windows import Window, carry_along, official_entries
from avis.structures.masks import RLE, rle_area


@dataclass(frozen=True)
class SegmentMasks:
    """A window with its masks.

    Args:
        window: The window.
        answer: Who speaks.
        utterance: The same for the identity part.
        masks: Per frame of the utterance, None for nobody.
        areas: Pixels per frame.
    """

    window: Window
    answer: LocalAnswer
    utterance: Utterance
    masks: list[RLE | None]
    areas: list[int]


@dataclass
class Person:
    """One speaker.

    Args:
        number: From 0.
        name: As the identity part calls him: text or number.
        windows: Windows in which he speaks, in the order given.
        masks: By frame number; None where a window covers the frame but has no mask.
        rows: The same as rows of the frame's detections.
    """

    number: int
    name: Any
    windows: list[int] = field(default_factory=list)
    masks: dict[int, RLE | None] = field(default_factory=dict)
    rows: dict[int, int | None] = field(default_factory=dict)


def official_spoken(video: VideoContext, window: Window, answer: LocalAnswer) -> SegmentMasks:
    """Masks from the tracker's entries, counted without gaps (D30)."""
    entries = official_entries(video)
    frames = window.question.frame_ids
    masks = [
        None if row is None else entries[frame][1].masks[row]
        for frame, row in zip(frames, answer.rows, strict=True)
    ]
    areas = [rle_area(mask) for mask in masks]
    # Counted from the window's start, wherever that lies (D33).
    key = window.first + areas.index(max(areas))
    utterance = Utterance(window.question, frames, answer.rows, key)
    return SegmentMasks(window, answer, utterance, masks, areas)


def corrected_spoken(video: VideoContext, window: Window, answer: LocalAnswer) -> SegmentMasks:
    """Masks of all frames of the window, those between the frames asked about carried along."""
    asked = window.question.frame_ids
    rows = answer.rows
    if asked != window.frame_ids:
        ids = [
            None if row is None else int(video.found(frame).ids[row])
            for frame, row in zip(asked, rows, strict=True)
        ]
        rows = carry_along(video, window, ids)
    masks = [
        None if row is None else video.found(frame).masks[row]
        for frame, row in zip(window.frame_ids, rows, strict=True)
    ]
    areas = [rle_area(mask) for mask in masks]
    key = window.frame_ids[areas.index(max(areas))]
    return SegmentMasks(
        window, answer, Utterance(window.question, window.frame_ids, rows, key), masks, areas
    )


def official_persons(
    grouped: Mapping[Any, Any], spoken: Sequence[SegmentMasks], persons: list[Person]
) -> None:
    """Write each person's windows over each other, later ones win even with nothing (D45, D46).

    Args:
        grouped: Positions by name, as the reply or the faces have them.
        spoken: All windows.
        persons: Filled person by person, so that those before an error are there (D49).

    Raises:
        TypeError: Positions that are no whole numbers.
    """
    for number, (name, positions) in enumerate(grouped.items()):
        person = Person(number, name)
        for position in positions:
            if not (position < 0 or position >= len(spoken)):  # NaN is an error, not out of range
                _write(person, spoken[position], keep_masks=False)
        persons.append(person)


def corrected_persons(
    video: VideoContext, grouped: Mapping[Any, Sequence[int]], spoken: Sequence[SegmentMasks]
) -> tuple[list[Person], dict[str, int]]:
    """Each window to one person, masks win over none (D44 to D46, D48).

    Args:
        video: For the object ids.
        grouped: Positions in ``spoken`` by name.
        spoken: The windows with a mask.

    Returns:
        The persons, and what had to be decided without the identity part.
    """
    counts: Counter[str] = Counter()
    owners = _owners(video, grouped, spoken, counts)
    numbers = _numbers(owners)
    persons = []
    for name, positions in owners.items():
        person = Person(numbers[name], name)
        for position in positions:
            _write(person, spoken[position], keep_masks=True)
        persons.append(person)
    return persons, {kind: number for kind, number in counts.items() if number}


def _owners(
    video: VideoContext,
    grouped: Mapping[Any, Sequence[int]],
    spoken: Sequence[SegmentMasks],
    counts: Counter[str],
) -> dict[Any, list[int]]:
    """Every position once, under the name of its person.

    A window that several persons have, or none, goes to the one with most windows of its object.
    """
    objects = [main_object(video, each.utterance) for each in spoken]
    claims: dict[int, list[Any]] = {position: [] for position in range(len(spoken))}
    for name, positions in grouped.items():
        for position in dict.fromkeys(positions):
            claims[position].append(name)
    # How often each object is that of a window which only this person has.
    alone: dict[Any, Counter[int | None]] = {name: Counter() for name in grouped}
    for position, names in claims.items():
        if len(names) == 1:
            alone[names[0]][objects[position]] += 1
    chosen: dict[int, Any] = {}
    for position, names in claims.items():
        counts['windows_in_several_persons'] += len(names) > 1
        if names:
            chosen[position] = _with_most(objects[position], alone, names)
    owners = {
        name: [position for position in dict.fromkeys(positions) if chosen[position] == name]
        for name, positions in grouped.items()
    }
    # Whom the model names without a window stays, who lost all to others goes.
    owners = {name: own for name, own in owners.items() if own or not len(grouped[name])}
    for position, names in claims.items():
        if not names:
            counts['windows_in_no_person'] += 1
            _adopt(position, objects[position], alone, owners)
    return owners


def _with_most(wanted: int | None, objects: Mapping[Any, Counter[int | None]], names: Any) -> Any:
    """The person with most windows of an object, the first of equals."""
    return max(names, key=lambda name: objects[name][wanted])


def _adopt(
    position: int,
    wanted: int | None,
    alone: dict[Any, Counter[int | None]],
    owners: dict[Any, list[int]],
) -> None:
    """A window that nobody claims goes to a person with its object, else to a new one."""
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
    """A number per name: the one in ``person_<n>`` or a plain number, else the next free one."""
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


def _write(person: Person, spoken: SegmentMasks, *, keep_masks: bool) -> None:
    person.windows.append(spoken.window.question.window)
    frames = spoken.window.frame_ids
    rows = spoken.utterance.rows
    for frame, mask, row in zip(frames, spoken.masks, rows, strict=False):
        old = person.masks.get(frame)
        if keep_masks and old is not None and (mask is None or rle_area(mask) < rle_area(old)):
            continue
        person.masks[frame], person.rows[frame] = mask, row
