"""Corrections of the defects 1, 2 and 30 to 42 in the docs of AVTracker."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from avis.avtracker.boxes import iou
from avis.avtracker.grounding.vlm_grounding import VLMGrounding
from avis.avtracker.interfaces import LocalAnswer, LocalQuery
from avis.avtracker.tracks import segment_masks
from avis.avtracker.vlm.corrected_replies import rationale_of, read_boxes, read_persons
from avis.avtracker.vlm.prompts.templates import fill, load_prompt
from avis.avtracker.windows import fixed_segments, speech_windows
from tests.helpers.avtracker_scenes import (
    LEFT,
    RIGHT,
    Model,
    detections,
    local_reply,
    query,
    two_people,
    video,
)

NOBODY = [0, 0, 0, 0]


def ground(scene, model, *queries, **settings):
    return list(VLMGrounding(model=model, **settings).ground(scene, queries))


def rows(scene, reply, frames=(0, 1), **settings):
    return ground(scene, Model(reply), query(frames), **settings)[0].rows


def windows_of(*spans, fps=1.0, max_frames=30, num_frames=10):
    segments = [{'text': 'x', 'timestamp': list(span)} for span in spans]
    counts = Counter()
    sizes = {'fps': fps, 'max_frames': max_frames, 'num_frames': num_frames}
    return speech_windows(segments, **sizes, counts=counts), counts


def test_box_matches_its_detection():
    assert rows(two_people(), local_reply(LEFT, RIGHT), vote=False) == [0, 1]


def test_box_below_the_threshold_matches_nobody():  # D2
    beside = (35, 5, 55, 35)
    touching = (26, 5, 46, 35)
    assert rows(two_people(), local_reply(beside, touching)) == [None, None]
    assert rows(two_people(), local_reply(beside, touching), iou_threshold=0.05) == [None, 0]


def test_vote_keeps_the_mask_on_one_of_two_close_people():  # D31
    close = (12, 5, 32, 35)
    scene = video([detections([LEFT, close])] * 3)
    reply = local_reply(LEFT, LEFT, close)
    assert rows(scene, reply, (0, 1, 2), vote=False) == [0, 0, 1]
    assert rows(scene, reply, (0, 1, 2)) == [0, 0, 0]
    # The vote does not move a mask to a person who stands elsewhere.
    assert rows(two_people(), local_reply(LEFT, LEFT, RIGHT), (0, 1, 2)) == [0, 0, 1]


def test_vote_follows_object_ids_instead_of_rows():  # D31
    close = (12, 5, 32, 35)
    scene = video([detections([LEFT, close], [7, 9]), detections([close, LEFT], [9, 7])])
    answer = ground(scene, Model(local_reply(LEFT, close)), query((0, 1)))[0]
    assert answer.rows == [0, 1]
    assert answer.record['voted_frames'] == [1]


def test_missing_tracker_entry_does_not_shift_frames():  # D30
    frames = [detections([LEFT, RIGHT]), None, detections([RIGHT])]
    assert rows(video(frames), local_reply(RIGHT, RIGHT, RIGHT), (0, 1, 2)) == [1, None, 0]


@pytest.mark.parametrize(
    ('span', 'frames'),
    [
        ((0.0, 0.4), [0]),  # the official code asks about frame -1
        ((0.0, 0.01), [0]),
        ((3.1, 3.2), [2]),
        ((9.6, 9.9), [9]),
        ((7.0, 14.0), [7, 8, 9]),
        ((0.0, 10.0), list(range(10))),
    ],
)
def test_windows_lie_inside_the_video(span, frames):  # D33, D26
    windows, counts = windows_of(span)
    assert list(windows[0].frame_ids) == frames
    assert counts == {}


def test_segments_past_the_video_are_counted():  # D33
    windows, counts = windows_of((1.0, 2.0), (12.0, 14.0), (3.0, 4.0))
    assert [window.query.window for window in windows] == [0, 1]
    assert counts == {'chunks_past_the_last_frame': 1}


def test_query_of_long_segment_samples_its_whole_length():  # D34
    window = windows_of((0.0, 50.0), num_frames=50, max_frames=5)[0][0]
    assert window.frame_ids == tuple(range(50))
    assert window.query.frame_ids == (0, 12, 24, 37, 49)
    single = windows_of((0.0, 50.0), num_frames=50, max_frames=1)[0][0]
    assert single.query.frame_ids == (25,)


def test_frames_between_those_of_the_query_get_masks_by_object():  # D34
    frames = [detections([LEFT, RIGHT], [4, 6])] * 6 + [detections([RIGHT], [6])] * 4
    window = windows_of((0.0, 2.0), fps=5.0, max_frames=3)[0][0]
    assert window.query.frame_ids == (0, 4, 9)
    masks = segment_masks(video(frames), window, LocalAnswer([0, 0, 0]))
    # Object 4 until it disappears, then object 6 from the middle between frames 4 and 9.
    assert masks.utterance.rows == [0, 0, 0, 0, 0, 0, None, 0, 0, 0]
    nobody = segment_masks(video(frames), window, LocalAnswer([None, 1, None]))
    assert nobody.utterance.rows == [None, None, None, 1, 1, 1, 0, None, None, None]


def test_key_frame_has_the_largest_mask():
    frames = [detections([LEFT]), detections([(10, 5, 40, 35)]), detections([LEFT])]
    window = windows_of((0.0, 0.6), fps=5.0, num_frames=3)[0][0]
    masks = segment_masks(video(frames), window, LocalAnswer([0, 0, None]))
    assert masks.utterance.key_frame == 1
    assert masks.areas == [600, 900, 0]


def test_fixed_windows_skip_silence():  # D1
    said = [
        {'text': ' one ', 'timestamp': [0.5, 3.0]},
        {'text': 'two', 'timestamp': [7.0, 9.0]},
        {'text': 'three', 'timestamp': [25.0, 26.0]},
    ]
    fixed = fixed_segments(said, seconds=8.0, total=30.0)
    assert [(c['text'], *c['timestamp']) for c in fixed] == [
        ('one two', 0.0, 8.0),
        ('two', 8.0, 16.0),
        ('three', 24.0, 30.0),
    ]


def test_rounding_adds_no_empty_fixed_window():  # D1
    assert 7.7 / 0.7 > 11
    fixed = fixed_segments([{'text': 'x', 'timestamp': [7.1, 9.0]}], seconds=0.7, total=7.7)
    assert len(fixed) == 1


def test_prompt_states_limit_and_box_format():  # D35 to D37
    model = Model(local_reply(LEFT))
    grounding = VLMGrounding(model=model, bbox_scale=500)
    asked = replace(query((3, 7)), max_frames=12)
    list(grounding.ground(two_people(), [asked]))
    instructions, speech, *_ = model.messages[0].parts
    assert 'more than 12 frames' in instructions
    assert '2 frames spread over' in instructions  # a long chunk is sampled
    assert 'left, top, right, bottom, on a scale from 0 to 500' in instructions
    assert 'red box' not in instructions
    assert speech == 'Speech: hello'
    assert model.frames() == [3, 7]


def test_prompt_file_replaces_the_default(tmp_path):
    path = tmp_path / 'mine.txt'
    path.write_text('Who? {frames} {{"boxes": []}}')
    model = Model(local_reply(LEFT))
    ground(two_people(), model, query((0,)), prompt=str(path))
    assert model.messages[0].parts[0] == 'Who? 1 {"boxes": []}'


def test_prompt_with_unknown_fields_is_refused():
    with pytest.raises(ValueError, match=r"fields \['frames'\] in braces"):
        fill('{images}', frames=1)
    with pytest.raises(FileNotFoundError, match=r"no prompt file 'nope'.*global.*local"):
        load_prompt('nope', 'local')


@pytest.mark.parametrize('name', ['local', 'local_official', 'global', 'global_official'])
def test_examples_in_prompts_are_valid_json(name):  # D42
    values = dict.fromkeys(('frames', 'max_frames', 'scale', 'images', 'color'), 1)
    text = fill(load_prompt(None, name), **values)
    json.loads(text[text.index('{') :])


def test_iou_sorts_corners_and_is_zero_for_empty_boxes():  # D38
    boxes = np.array([[0, 0, 10, 10], [5, 5, 5, 5]], np.float32)
    np.testing.assert_array_equal(iou([10, 10, 0, 0], boxes), [1, 0])
    np.testing.assert_array_equal(iou([5, 5, 5, 5], boxes), [0, 0])


def test_box_with_swapped_corners_matches():  # D38
    turned = (LEFT[2], LEFT[3], LEFT[0], LEFT[1])
    assert rows(two_people(), local_reply(turned, None)) == [0, None]


def test_box_smaller_than_a_pixel_matches():  # D39
    scene = video([detections([(0, 0, 1, 1)])])
    reply = json.dumps({'rationale': '', 'boxes': [[0, 0, 9, 20]]})
    assert rows(scene, reply, (0,)) == [0]


@pytest.mark.parametrize(
    ('boxes', 'frames', 'dropped'),
    [
        ([[1, 2, 3, 4, 0.9]], [0], {}),
        ([{'frame_id': True, 'bbox': [1, 2, 3, 4]}], [1], {}),
        ([{'frame_id': '1', 'bbox': ['1', '2', '3', '4']}], [1], {}),
        ([{'frame_id': 1.0, 'bbox_2d': [1, 2, 3, 4]}], [1], {}),
        ([[1, 2, 3, 4], {'frame_id': 0, 'bbox': NOBODY}], [0], {'a frame twice': 1}),
        ([[1, 2, 3, 4], [1, 2, 3]], [0], {'no four numbers': 1}),
        ([[1, 2, 3, 4], None, 'x'], [0], {'no box': 2}),
        ([[1, 2, 3, 4], [1, 2, 3, None]], [0], {'no four numbers': 1}),
        ([[1, 2, 3, 4], [1e400, 2, 3, 4]], [0], {'no four numbers': 1}),
        ([{'frame_id': 7, 'bbox': [1, 2, 3, 4]}], [], {'frame outside of the window': 1}),
        ([[1, 2, 3, 4], {'frame_id': 0.5, 'bbox': NOBODY}], [0], {'no frame number': 1}),
    ],
)
def test_invalid_boxes_are_dropped_one_by_one(boxes, frames, dropped):  # D40
    reply = json.dumps({'rationale': 'r', 'boxes': boxes})
    found, faults = read_boxes(reply, frames=3)
    assert (sorted(found), faults) == (frames, dropped)


@pytest.mark.parametrize(
    'reply',
    ['', 'I cannot tell.', '{"boxes": null}', '{"boxes": [', '42', '[[1, 2, 3, 4]]', '{' * 100_000,
     '{"boxes": [null]}', 'x' * 1_000_000, '__import__("os").system("exit")', '{"boxes": [[1]]}'],
)  # fmt: skip
def test_unreadable_reply_raises_value_error(reply):  # D40
    with pytest.raises(ValueError, match=r'^(no boxes|none of the|the reply has)'):
        read_boxes(reply, frames=2)


@pytest.mark.parametrize(
    'reply',
    [
        '{"boxes": [[1, 2, 3, 4]]} Hope this helps.',
        '{"rationale": "a { in a text", "boxes": [[1, 2, 3, 4]]}',
        '<think>who {is} it?</think>{"boxes": [[1, 2, 3, 4]]}',
        '```json\n{"boxes": [[1, 2, 3, 4],]} // the first\n```',
        '{"rationale": "r"}{"boxes": [[1, 2, 3, 4]]}',
        "{'rationale': None, 'boxes': [[1, 2, 3, 4]]}",
        "{'rationale': 'r', 'boxes': [{'frame_id': 0, 'bbox': (1, 2, 3, 4)}]}",
        '{"rationale": "r", "boxes": [[1, 2, 3, 4]]',
        '{"rationale": "r",\n # comment\n "boxes": [[1, 2, 3, 4]]}',
        '{"rationale": "r", "boxes": [{"frame_id": 0, "bbox": [1, 2, 3, 4]}, ...]}',
        '{"rationale": "r...", "boxes": [[1, 2, 3, 4], // more\n ...,\n]} and so on ...',
        "{'rationale': None, 'boxes': [[1, 2, 3, 4]]} Hope this helps.",
        '<think>{"boxes": [[9, 9, 9, 9]]}? No.</think>{"boxes": [[1, 2, 3, 4]]}',
    ],
)
def test_first_fitting_object_of_a_reply_is_parsed(reply):  # D42
    assert read_boxes(reply, frames=1)[0] == {0: [1, 2, 3, 4]}


@pytest.mark.parametrize('reply', ['# ' * 90_000 + '"', ', ' * 90_000, ', ...' * 40_000])
def test_repetitive_reply_is_parsed_in_linear_time(reply):
    # Quadratic parsing would take minutes.
    with pytest.raises(ValueError, match=r'^no boxes in the reply'):
        read_boxes(reply, frames=1)


def test_rationale_is_returned():
    assert rationale_of('{"rationale": ["- a", "- b"], "boxes": []}') == '- a\n- b'
    assert rationale_of('none') == ''


def test_unreadable_reply_is_requested_again():  # D40
    model = Model('no idea', local_reply(LEFT))
    answer = ground(two_people(), model, query((0,)))[0]
    assert answer.rows == [0]
    assert answer.reason == 'because'
    assert [message.attempt for message in model.messages] == [0, 1]
    assert answer.record['replies'][0]['text'] == 'no idea'
    assert len(answer.record['faults']) == 1


def test_window_without_usable_reply_has_no_speaker():  # D40
    model = Model('no', 'idea', 'at all', local_reply(RIGHT))
    answers = ground(two_people(), model, query((0, 1)), query((2,), 1), retries=2)
    assert [answer.rows for answer in answers] == [[None, None], [1]]
    assert 'after 3 tries, so nobody' in answers[0].reason
    assert answers[0].record['nobody'] is True


def test_failed_request_is_repeated():  # D40
    model = Model(TimeoutError('slow'), local_reply(LEFT))
    answer = ground(two_people(), model, query((0,)))[0]
    assert answer.rows == [0]
    assert 'slow' in answer.record['replies'][0]['error']


def test_queries_are_taken_one_by_one():
    drawn = []

    def queries():
        for window in range(3):
            drawn.append(window)
            yield query((window,), window)

    model = Model(*[local_reply(LEFT)] * 3)
    answers = VLMGrounding(model=model).ground(two_people(), queries())
    next(answers)
    assert drawn == [0]
    assert len(list(answers)) == 2


def test_batched_queries_have_the_same_answers():
    class Batches(Model):
        def chat(self, messages):
            taken = list(messages)
            yield from super().chat(taken)

    texts = [local_reply(LEFT), 'no', local_reply(RIGHT), local_reply(RIGHT), local_reply(LEFT)]
    queries = [query((window,), window) for window in range(4)]
    one_by_one = Model(texts[0], texts[1], texts[4], *texts[2:4])
    want = ground(two_people(), one_by_one, *queries)
    at_once = Batches(*texts[:4], texts[4])
    at_once.texts = [texts[0], texts[1], texts[4], *texts[2:4]]
    got = ground(two_people(), at_once, *queries)
    assert [answer.rows for answer in got] == [answer.rows for answer in want]
    assert [answer.rows for answer in got] == [[0], [0], [1], [1]]


def test_persons_are_parsed_and_coerced():  # D49
    reply = '{"persons": {"a": ["0", 1.0, 9, null], "b": 2, "c": []}}'
    groups, dropped = read_persons(reply, count=3)
    assert groups == {'a': [0, 1], 'b': [2], 'c': []}
    assert dropped == {'no such image': 1, 'no number': 1}
    python = "{'rationale': 'r', 'persons': {1: [0], '1': [2]}}"
    assert read_persons(python, count=3) == ({'1': [0, 2]}, {})
    literal = "{'rationale': None, 'persons': {'a': (0, 2), 'b': {1}}}"
    assert read_persons(literal, count=3) == ({'a': [0, 2], 'b': [1]}, {})


@pytest.mark.parametrize('reply', ['', '{"persons": [[0]]}', '{"persons": {"a": ["x"]}}'])
def test_unreadable_persons_raise_value_error(reply):  # D49
    with pytest.raises(ValueError, match=r'^(no persons|none of the)'):
        read_persons(reply, count=3)


def test_empty_video_has_no_windows():
    assert windows_of(num_frames=0) == ([], {})
    assert LocalQuery(0, '', (0, 1), ()).frame_ids == ()
