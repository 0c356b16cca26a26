import base64
import io
import json
import logging
import pickle
import random
import threading

import numpy as np
import pytest
from PIL import Image

from avis.avtracker.interfaces import Message, ModelUnavailable
from avis.avtracker.vlm import openai_compatible as module
from avis.avtracker.vlm.http_client import (
    JsonClient,
    MalformedReply,
    RequestRefused,
    RetryPolicy,
)
from avis.avtracker.vlm.images import data_url
from avis.avtracker.vlm.openai_compatible import OpenAICompatibleVLM, read_completion
from avis.registry import MODELS
from tests.helpers.chat_server import MALFORMED, chat_server, first_text

KEY = 'sk-secret-4711'
FAST = {'first_wait': 0.005, 'longest_wait': 0.02, 'timeout': 60}


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv('TEST_CHAT_KEY', KEY)


@pytest.fixture
def log(monkeypatch):
    """What the run log is told."""
    lines = []
    monkeypatch.setattr(module, 'print_log', lambda line, **_: lines.append(line))
    return lines


def model(server, **kwargs):
    kwargs = {'retries': FAST, 'max_concurrent': 8, 'api_key_env': 'TEST_CHAT_KEY', **kwargs}
    return OpenAICompatibleVLM(model='m', base_url=server.url, **kwargs)


def questions(count):
    return [Message(parts=(f'q{i}',), name=f'video/local/{i}') for i in range(count)]


def texts(replies):
    return [reply.text for reply in replies]


def test_200_requests_with_failures_and_malformed_replies_equal_the_clean_run(caplog, log):
    rng = random.Random(0)
    # First tries: 10 % fail, 5 % are malformed, and some of the second ones fail as well.
    kinds = [503, 429, 500, 'hang up', 'cut', 408] * 4
    first = rng.sample(kinds, 20) + rng.sample([*MALFORMED, *MALFORMED], 10) + [None] * 170
    rng.shuffle(first)
    again = [rng.choice([502, *[None] * 9]) for _ in first]

    def fault(question, n):
        i = int(question[1:])
        return (first[i], again[i] if first[i] else None, None)[min(n, 2)]

    with chat_server(key=KEY) as server:
        clean = texts(model(server).chat(questions(200)))
    slow = lambda question: 0.02 if question.endswith('7') else 0.001  # noqa: E731
    with chat_server(key=KEY, fault=fault, delay=slow) as server, caplog.at_level(logging.DEBUG):
        replies = list(model(server).chat(questions(200)))
    assert clean == [f'answer to q{i}' for i in range(200)]
    assert texts(replies) == clean
    assert [reply.usage['tries'] for reply in replies] == [
        1 + (first[i] is not None) + (first[i] is not None and again[i] is not None)
        for i in range(200)
    ]
    assert server.most_under_way > 1
    assert KEY not in caplog.text + repr(log) + repr(replies)


def test_concurrency_is_limited_and_questions_are_drawn_when_there_is_room():
    drawn, most_ahead, received = 0, 0, 0

    def source():
        nonlocal drawn, most_ahead
        for message in questions(60):
            drawn += 1
            most_ahead = max(most_ahead, drawn - received)
            yield message

    three = threading.Barrier(3)

    def wait_for_two_others(question):
        three.wait(timeout=120)
        return 0.0

    with chat_server(delay=wait_for_two_others) as server:
        for _ in model(server, max_concurrent=3).chat(source()):
            received += 1
        assert server.most_under_way == 3
    assert received == 60
    assert most_ahead < 20


def test_an_endpoint_that_dies_half_way_raises_one_clear_error(caplog):
    dead = threading.Event()

    def fault(question, n):
        if question == 'q20':
            dead.set()
        return 'hang up' if dead.is_set() else None

    done = []
    with chat_server(fault=fault) as server:
        chat = model(server, max_concurrent=4, retries={**FAST, 'tries': 3})
        with pytest.raises(ModelUnavailable) as caught:
            done.extend(reply.text for reply in chat.chat(questions(60)))
    assert done == [f'answer to q{i}' for i in range(len(done))]
    assert 12 <= len(done) <= 20
    assert 'no usable answer in 3 tries' in str(caught.value)
    assert server.url in str(caught.value)
    # The rest is not tried one by one; a small question makes sure.
    assert sum(server.asked.values()) < 20 + 4 * 4 + 4
    assert KEY not in caplog.text + str(caught.value)


def test_no_endpoint_at_all():
    with chat_server() as server:
        url = server.url
    chat = OpenAICompatibleVLM(
        model='m', base_url=url, api_key_env=None, retries={**FAST, 'tries': 2}
    )
    with pytest.raises(ModelUnavailable, match=r'no usable answer in 2 tries.*refused'):
        list(chat.chat(questions(3)))


@pytest.mark.parametrize('kind', MALFORMED)
def test_a_question_whose_answers_stay_malformed_does_not_end_the_others(kind, log):
    with chat_server(fault=lambda question, n: kind if question == 'q1' else None) as server:
        replies = list(model(server, retries={**FAST, 'tries': 3}).chat(questions(3)))
        assert server.asked['q1'] == 3
    assert texts(replies) == ['answer to q0', None, 'answer to q2']
    assert isinstance(replies[1].error, MalformedReply)
    assert log[0].startswith('video/local/1: no reply')


def test_a_refused_question_is_not_asked_again_and_costs_only_itself():
    fault = lambda question, n: 400 if question == 'q1' else None  # noqa: E731
    with chat_server(fault=fault) as server:
        replies = list(model(server, max_concurrent=1).chat(questions(3)))
        assert server.asked['q1'] == 1
    assert texts(replies) == ['answer to q0', None, 'answer to q2']
    assert isinstance(replies[1].error, RequestRefused)


def test_a_question_that_breaks_the_server_costs_only_itself_while_others_are_answered():
    fault = lambda question, n: 500 if question == 'q0' else None  # noqa: E731
    with chat_server(fault=fault, delay=lambda question: 0.002) as server:
        replies = list(
            model(server, max_concurrent=2, retries={**FAST, 'tries': 3}).chat(questions(40))
        )
    assert isinstance(replies[0].error, RequestRefused)
    assert texts(replies[1:]) == [f'answer to q{i}' for i in range(1, 40)]


def test_a_question_that_is_alone_and_too_much_does_not_end_the_run(log):
    """The global question of a long video: the first one of a run that goes on."""
    image = np.zeros((300, 200, 3), np.uint8)
    large = Message(parts=('Who?', image, image), name='video/global')

    for fault in (400, 413, 500, 'hang up', 'no choices'):
        refuse = lambda question, n: fault if question == 'Who?' else None  # noqa: B023, E731
        with chat_server(fault=refuse) as server:
            (reply,) = model(server, retries={**FAST, 'tries': 2}).chat([large])
        assert isinstance(reply.error, RequestRefused | MalformedReply)
        probe = server.bodies[-1]['messages'][0]['content']
        assert [part['type'] for part in probe] == ['text', 'image_url', 'image_url']
    assert len(log) == 5


def test_an_endpoint_that_takes_fewer_images_is_set_up_wrongly():
    images = [np.zeros((300, 200, 3), np.uint8)] * 3

    with chat_server(fault=lambda question, n: 400) as server:
        with pytest.raises(ModelUnavailable, match='Check base_url, model and request'):
            list(model(server).chat([Message(parts=('Who?', *images))]))
        assert server.asked == {'Who?': 1, 'Say yes.': 1}


def test_an_endpoint_that_only_answers_nonsense_is_gone():
    with (
        chat_server(fault=lambda question, n: 'not json') as server,
        pytest.raises(ModelUnavailable, match=r'no usable answer in 2 tries.*bad gateway'),
    ):
        list(model(server, retries={**FAST, 'tries': 2}).chat(questions(3)))


@pytest.mark.parametrize(
    ('status', 'said'),
    [(401, 'TEST_CHAT_KEY'), (403, 'TEST_CHAT_KEY'), (404, '404'), (400, '400'), (307, '307')],
)
def test_what_another_try_cannot_mend_ends_at_once(status, said, caplog):
    with chat_server(fault=lambda question, n: status) as server:
        with pytest.raises(ModelUnavailable, match=said) as caught:
            list(model(server, max_concurrent=1).chat(questions(3)))
        assert server.asked == ({'q0': 1, 'Say yes.': 1} if status == 400 else {'q0': 1})
    assert 'Bearer ***' in str(caught.value)  # this server repeats the key
    assert KEY not in str(caught.value) + caplog.text


def test_rate_limits_are_waited_for_as_long_as_the_server_asks():
    with chat_server(fault=lambda question, n: 429 if n < 4 else None) as server:
        replies = list(model(server).chat(questions(4)))
    assert [reply.usage['tries'] for reply in replies] == [5] * 4
    policy = RetryPolicy(first_wait=1, longest_wait=30)
    assert 1 <= policy.wait(1, None) <= 1.25
    assert 8 <= policy.wait(4, None) <= 10
    assert policy.wait(9, None) == 30
    assert policy.wait(1, 20.0) == 20
    assert policy.wait(1, 1e9) == 30


def test_an_answer_that_drips_is_cut_off():
    with chat_server(fault=lambda question, n: 'drip' if n == 0 else None) as server:
        replies = list(model(server, retries={**FAST, 'timeout': 3}).chat(questions(1)))
    assert replies[0].text == 'answer to q0'
    assert replies[0].usage['tries'] == 2


def test_a_reply_of_a_megabyte_and_one_with_code_arrive_as_they_are(tmp_path):
    file = tmp_path / 'ran'
    code = f'__import__("pathlib").Path({str(file)!r}).touch()'
    big = 'x' * (1 << 20)
    with chat_server(answer=lambda body: big if 'q0' in str(body) else code) as server:
        assert texts(model(server).chat(questions(2))) == [big, code]
    assert not file.exists()


def test_an_endless_reply_is_malformed():
    endless = lambda body: 'yes' if first_text(body) == 'Say yes.' else 'x' * 5000  # noqa: E731
    with chat_server(answer=endless) as server:
        chat = model(server, retries={**FAST, 'tries': 2})
        chat.client.max_bytes = 4000
        (reply,) = chat.chat(questions(1))
    assert 'longer than 4000 bytes' in str(reply.error)


def test_the_key_is_in_no_object_and_must_be_there(monkeypatch):
    with chat_server(key=KEY, answer=lambda body: KEY) as server:
        chat = model(server)
        (reply,) = chat.chat(questions(1))
        assert reply.text == '***'  # even if the endpoint repeats it
        assert KEY not in repr(vars(chat)) + repr(vars(chat.client))
        chat.client._lock = None
        assert KEY.encode() not in pickle.dumps(chat)
        assert KEY not in json.dumps(server.bodies)
        monkeypatch.delenv('TEST_CHAT_KEY')
        with pytest.raises(ModelUnavailable, match='set the environment variable TEST_CHAT_KEY'):
            list(model(server).chat(questions(1)))
        monkeypatch.setenv('TEST_CHAT_KEY', f'{KEY}\n{KEY}')
        with pytest.raises(ModelUnavailable, match='holds characters') as caught:
            list(model(server).chat(questions(1)))
    assert KEY not in str(caught.value)


def test_the_request_follows_the_protocol():
    image = np.random.default_rng(0).integers(0, 255, (12, 20, 3), np.uint8)
    message = Message(parts=('look', image, 'who?'), max_new_tokens=77)
    again = Message(parts=('look',), attempt=2)
    with chat_server() as server:
        chat = model(server, image={'file_format': 'png'}, request={'temperature': 0, 'seed': 5})
        list(chat.chat([message]))
        list(chat.chat([again]))
        first, second = server.bodies
    assert (first['model'], first['max_tokens'], first['seed']) == ('m', 77, 5)
    assert first['temperature'] == 0
    assert (second['seed'], second['temperature']) == (7, 0.7)
    content = first['messages'][0]['content']
    assert [part['type'] for part in content] == ['text', 'image_url', 'text']
    encoded = content[1]['image_url']['url'].removeprefix('data:image/png;base64,')
    sent = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))
    np.testing.assert_array_equal(sent, image)


def test_data_url_makes_large_images_smaller_and_refuses_others():
    url = data_url(np.zeros((40, 100, 3), np.uint8), max_side=50)
    image = Image.open(io.BytesIO(base64.b64decode(url.split(',')[1])))
    assert (image.size, image.format) == ((50, 20), 'JPEG')
    with pytest.raises(ValueError, match='float64'):
        data_url(np.zeros((4, 4, 3)))


def test_replies_in_parts_are_joined():
    parts = [{'type': 'text', 'text': 'a'}, {'type': 'think'}, {'type': 'text', 'text': 'b'}]
    text, usage = read_completion({'choices': [{'message': {'content': parts}}], 'usage': [1]})
    assert (text, usage) == ('ab', {'finish_reason': 'None'})


def test_stopping_early_ends_the_threads():
    with chat_server(delay=lambda question: 0.01) as server:
        replies = model(server, max_concurrent=2).chat(questions(50))
        next(replies)
        replies.close()
    assert sum(server.asked.values()) < 10


@pytest.mark.parametrize(
    'url', ['localhost:8000', 'ftp://host/v1', 'http://me:secret@host/v1', 'http://host/v1?key=a']
)
def test_addresses_that_cannot_be_right(url):
    with pytest.raises(ValueError, match='base_url') as caught:
        JsonClient(url, api_key_env=None)
    assert 'secret' not in str(caught.value)


def test_built_from_a_config_with_settings_that_cannot_work():
    build_part = MODELS.build({'type': OpenAICompatibleVLM, 'model': 'm'})
    assert build_part.client.url == 'http://localhost:8000/v1/chat/completions'
    with pytest.raises(ValueError, match='max_concurrent'):
        OpenAICompatibleVLM(model='m', max_concurrent=0)
    with pytest.raises(ValueError, match='tries >= 1'):
        OpenAICompatibleVLM(model='m', retries={'tries': 0})
    with pytest.raises(ValueError, match=r"retries=.*'trys'"):
        OpenAICompatibleVLM(model='m', retries={'trys': 3})
    for image in ({'qualty': 3}, {'file_format': 'gif3'}):
        with pytest.raises(ValueError, match=r'OpenAICompatibleVLM: image=.* cannot be used'):
            OpenAICompatibleVLM(model='m', image=image)
