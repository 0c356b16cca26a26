"""Sentences name exactly one source of a scene, or nothing in it."""

import numpy as np
import pytest

from avis.synthetic.cast import make_object, make_person
from avis.synthetic.expressions import describe_absent, describe_scene
from avis.synthetic.scene import Actor, Scene, Shot, Trajectory

MAN, WOMAN, BELL = make_person(0), make_person(1), make_object('bell', 0)


def scene(*sources, seconds=10) -> Scene:
    """Sources from left to right: their character and their turns."""
    actors = [
        Actor(character, Trajectory([0.0], [(0.3 * k, 0.5, 0.2)]), turns)
        for k, (character, turns) in enumerate(sources)
    ]
    still = Trajectory([0.0], [(0.5, 0.5, 1.0)])
    return Scene(seconds, 64, 64, actors, [Shot(0.0, 'room', 0)], still)


def sentences(of: Scene) -> dict[str, int | None]:
    """All sentences that any seed chooses."""
    found = [e for seed in range(40) for e in describe_scene(of, np.random.default_rng(seed))]
    return {expression.text: expression.actor for expression in found}


def test_only_audio_tells_the_sounding_source_from_the_silent_one():
    of = scene((MAN, [(0.0, 10.0)]), (BELL, []))
    found = describe_scene(of, np.random.default_rng(0))
    by_audio = {e.text: e.actor for e in found if e.needs_audio}
    assert by_audio == {
        'The object that makes a sound.': 0,
        'The object that makes no sound.': 1,
    }
    assert len(found) == 3


def test_order_and_length_of_sounds_are_described():
    of = scene((MAN, [(4.0, 9.5)]), (BELL, [(0.5, 2.0)]), (WOMAN, []))
    found = sentences(of)
    assert found['The first object to make a sound.'] == 1
    assert found['The last object to make a sound.'] == 0
    assert found['The object that makes the longest sound.'] == 0
    assert found['The object that makes a sound after the bell.'] == 0
    assert found['The object that makes no sound.'] == 2
    assert 'The object that makes a sound.' not in found


def test_kind_color_and_position_are_described():
    found = sentences(scene((MAN, []), (BELL, []), (WOMAN, [])))
    assert found['The man.'] == found['The object on the left.'] == 0
    assert found['The person in yellow clothes.'] == 0
    assert found['The bell.'] == found['The green bell.'] == found['The object in the middle.'] == 1
    assert found['The object on the right.'] == 2


def test_ambiguous_words_are_left_out():
    found = sentences(scene((MAN, [(0.0, 4.0)]), (make_person(2), [(0.0, 4.2)])))
    assert 'The man.' not in found
    assert {text for text in found if 'sound' in text} == set()
    assert found['The person in green clothes.'] == 1


def test_position_is_left_out_if_sources_exchange_places():
    of = scene((MAN, []), (BELL, []))
    of.actors[0].trajectory = Trajectory([0.0, 9.0], [(0.0, 0.5, 0.2), (0.9, 0.5, 0.2)])
    assert not any('on the' in text for text in sentences(of))


def test_audio_is_left_out_if_a_source_off_screen_sounds():
    of = scene((MAN, [(0.0, 4.0)]), (BELL, []), (WOMAN, [(5.0, 9.0)]))
    of.actors[2].visible = False
    assert not any('sound' in text for text in sentences(of))


@pytest.mark.parametrize('seed', range(5))
def test_null_references_name_what_is_absent(seed):
    found = describe_absent(scene((MAN, []), (BELL, [])), np.random.default_rng(seed), 3)
    assert len({expression.text for expression in found}) == 3
    for expression in found:
        assert expression.actor is None
        assert not expression.text.endswith(('bell.', ' man.', 'yellow clothes.'))
