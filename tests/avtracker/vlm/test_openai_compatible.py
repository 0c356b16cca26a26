import base64
import io
import json
import logging
import pickle
import random
import ssl
import threading

import httpx
import numpy as np
import pytest
from PIL import Image

from avis.avtracker.interfaces import Message, ModelUnavailable
from avis.avtracker.vlm import http_client, openai_compatible
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
FAST = {'initial_wait': 0.005, 'max_wait': 0.02, 'timeout': 60}


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv('TEST_CHAT_KEY', KEY)


@pytest.fixture
def log(monkeypatch):
    """The lines written to the log of the run."""
    lines = []
    monkeypatch.setattr(openai_compatible, 'print_log', lambda line, **_: lines.append(line))
    return lines


def model(server, **kwargs):
    kwargs = {'retries': FAST, 'max_concurrent': 8, 'api_key_env': 'TEST_CHAT_KEY', **kwargs}
    return OpenAICompatibleVLM(model='m', base_url=server.url, **kwargs)


def messages(count):
    return [Message(parts=(f'q{i}',), name=f'video/local/{i}') for i in range(count)]


def texts(replies):
    return [reply.text for reply in replies]


def test_200_requests_with_failures_and_malformed_replies_match_a_run_without_faults(caplog, log):
    rng = random.Random(0)
    # First tries: 10 % fail, 5 % are malformed, and some of the second ones fail as well.
    kinds = [503, 429, 500, 'hang up', 'cut', 408] * 4
    first = rng.sample(kinds, 20) + rng.sample([*MALFORMED, *MALFORMED], 10) + [None] * 170
    rng.shuffle(first)
    again = [rng.choice([502, *[None] * 9]) for _ in first]

    def fault(text, n):
        i = int(text[1:])
        return (first[i], again[i] if first[i] else None, None)[min(n, 2)]

    with chat_server(key=KEY) as server:
        clean = texts(model(server).chat(messages(200)))
    slow = lambda text: 0.02 if text.endswith('7') else 0.001  # noqa: E731
    with chat_server(key=KEY, fault=fault, delay=slow) as server, caplog.at_level(logging.DEBUG):
        replies = list(model(server).chat(messages(200)))
    assert clean == [f'answer to q{i}' for i in range(200)]
    assert texts(replies) == clean
    assert [reply.usage['tries'] for reply in replies] == [
        1 + (first[i] is not None) + (first[i] is not None and again[i] is not None)
        for i in range(200)
    ]
    assert server.most_under_way > 1
    assert KEY not in caplog.text + repr(log) + repr(replies)


def test_concurrency_is_limited_and_messages_are_drawn_on_demand():
    drawn, most_ahead, received = 0, 0, 0

    def source():
        nonlocal drawn, most_ahead
        for message in messages(60):
            drawn += 1
            most_ahead = max(most_ahead, drawn - received)
            yield message

    three = threading.Barrier(3)

    def wait_for_two_others(text):
        three.wait(timeout=120)
        return 0.0

    with chat_server(delay=wait_for_two_others) as server:
        for _ in model(server, max_concurrent=3).chat(source()):
            received += 1
        assert server.most_under_way == 3
    assert received == 60
    assert most_ahead < 20


def test_endpoint_that_fails_midway_raises_one_error(caplog):
    dead = threading.Event()

    def fault(text, n):
        if text == 'q20':
            dead.set()
        return 'hang up' if dead.is_set() else None

    done = []
    with chat_server(fault=fault) as server:
        chat = model(server, max_concurrent=4, retries={**FAST, 'tries': 3})
        with pytest.raises(ModelUnavailable) as caught:
            done.extend(reply.text for reply in chat.chat(messages(60)))
    assert done == [f'answer to q{i}' for i in range(len(done))]
    assert 12 <= len(done) <= 20
    assert 'no usable answer in 3 tries' in str(caught.value)
    assert server.url in str(caught.value)
    # The other messages are not tried one by one; a small probe confirms the failure.
    assert sum(server.asked.values()) < 20 + 4 * 4 + 4
    assert KEY not in caplog.text + str(caught.value)


def test_missing_endpoint_raises_model_unavailable():
    with chat_server() as server:
        url = server.url
    chat = OpenAICompatibleVLM(
        model='m', base_url=url, api_key_env=None, retries={**FAST, 'tries': 2}
    )
    with pytest.raises(ModelUnavailable, match=r'no usable answer in 2 tries.*refused'):
        list(chat.chat(messages(3)))


@pytest.mark.parametrize('kind', MALFORMED)
def test_message_with_only_malformed_answers_does_not_stop_the_others(kind, log):
    with chat_server(fault=lambda text, n: kind if text == 'q1' else None) as server:
        replies = list(model(server, retries={**FAST, 'tries': 3}).chat(messages(3)))
        assert server.asked['q1'] == 3
    assert texts(replies) == ['answer to q0', None, 'answer to q2']
    assert isinstance(replies[1].error, MalformedReply)
    assert log[0].startswith('video/local/1: no reply')


def test_refused_message_is_not_retried_and_does_not_stop_the_others():
    fault = lambda text, n: 400 if text == 'q1' else None  # noqa: E731
    with chat_server(fault=fault) as server:
        replies = list(model(server, max_concurrent=1).chat(messages(3)))
        assert server.asked['q1'] == 1
    assert texts(replies) == ['answer to q0', None, 'answer to q2']
    assert isinstance(replies[1].error, RequestRefused)


def test_message_that_always_fails_does_not_stop_the_others():
    fault = lambda text, n: 500 if text == 'q0' else None  # noqa: E731
    with chat_server(fault=fault, delay=lambda text: 0.002) as server:
        replies = list(
            model(server, max_concurrent=2, retries={**FAST, 'tries': 3}).chat(messages(40))
        )
    assert isinstance(replies[0].error, RequestRefused)
    assert texts(replies[1:]) == [f'answer to q{i}' for i in range(1, 40)]


def test_single_refused_message_does_not_stop_the_run_if_the_probe_is_answered(log):
    """Such as the global query of a long video, the first request of a resumed run."""
    image = np.zeros((300, 200, 3), np.uint8)
    large = Message(parts=('Who?', image, image), name='video/global')

    for fault in (400, 413, 500, 'hang up', 'no choices'):
        refuse = lambda text, n: fault if text == 'Who?' else None  # noqa: B023, E731
        with chat_server(fault=refuse) as server:
            (reply,) = model(server, retries={**FAST, 'tries': 2}).chat([large])
        assert isinstance(reply.error, RequestRefused | MalformedReply)
        probe = server.bodies[-1]['messages'][0]['content']
        assert [part['type'] for part in probe] == ['text', 'image_url', 'image_url']
    assert len(log) == 5


def test_refused_message_and_probe_raise_model_unavailable():
    images = [np.zeros((300, 200, 3), np.uint8)] * 3

    with chat_server(fault=lambda text, n: 400) as server:
        with pytest.raises(ModelUnavailable, match='Check base_url, model and request'):
            list(model(server).chat([Message(parts=('Who?', *images))]))
        assert server.asked == {'Who?': 1, 'Say yes.': 1}


def test_endpoint_with_only_malformed_answers_raises_model_unavailable():
    with (
        chat_server(fault=lambda text, n: 'not json') as server,
        pytest.raises(ModelUnavailable, match=r'no usable answer in 2 tries.*bad gateway'),
    ):
        list(model(server, retries={**FAST, 'tries': 2}).chat(messages(3)))


@pytest.mark.parametrize(
    ('status', 'said'),
    [(401, 'TEST_CHAT_KEY'), (403, 'TEST_CHAT_KEY'), (404, '404'), (400, '400'), (307, '307')],
)
def test_final_status_is_not_retried(status, said, caplog):
    with chat_server(fault=lambda text, n: status) as server:
        with pytest.raises(ModelUnavailable, match=said) as caught:
            list(model(server, max_concurrent=1).chat(messages(3)))
        assert server.asked == ({'q0': 1, 'Say yes.': 1} if status == 400 else {'q0': 1})
    assert 'Bearer ***' in str(caught.value)  # this server repeats the key
    assert KEY not in str(caught.value) + caplog.text


def test_retry_waits_follow_policy_and_retry_after():
    with chat_server(fault=lambda text, n: 429 if n < 4 else None) as server:
        replies = list(model(server).chat(messages(4)))
    assert [reply.usage['tries'] for reply in replies] == [5] * 4
    policy = RetryPolicy(initial_wait=1, max_wait=30)
    assert 1 <= policy.wait(1, None) <= 1.25
    assert 8 <= policy.wait(4, None) <= 10
    assert policy.wait(9, None) == 30
    assert policy.wait(1, 20.0) == 20
    assert policy.wait(1, 1e9) == 30


def test_slow_answer_times_out_and_is_retried():
    with chat_server(fault=lambda text, n: 'drip' if n == 0 else None) as server:
        replies = list(model(server, retries={**FAST, 'timeout': 3}).chat(messages(1)))
    assert replies[0].text == 'answer to q0'
    assert replies[0].usage['tries'] == 2


def test_long_replies_and_replies_with_code_are_returned_unchanged(tmp_path):
    file = tmp_path / 'ran'
    code = f'__import__("pathlib").Path({str(file)!r}).touch()'
    big = 'x' * (1 << 20)
    with chat_server(answer=lambda body: big if 'q0' in str(body) else code) as server:
        assert texts(model(server).chat(messages(2))) == [big, code]
    assert not file.exists()


def test_reply_over_size_limit_is_malformed(monkeypatch):
    monkeypatch.setattr(http_client, '_MAX_BYTES', 4000)
    endless = lambda body: 'yes' if first_text(body) == 'Say yes.' else 'x' * 5000  # noqa: E731
    with chat_server(answer=endless) as server:
        chat = model(server, retries={**FAST, 'tries': 2})
        (reply,) = chat.chat(messages(1))
    assert 'longer than 4000 bytes' in str(reply.error)


def test_key_is_stored_in_no_object_and_is_required(monkeypatch):
    with chat_server(key=KEY, answer=lambda body: KEY) as server:
        chat = model(server)
        (reply,) = chat.chat(messages(1))
        assert reply.text == '***'  # even if the endpoint repeats it
        assert KEY not in repr(vars(chat)) + repr(vars(chat.client))
        chat.client._lock = None
        assert KEY.encode() not in pickle.dumps(chat)
        assert KEY not in json.dumps(server.bodies)
        monkeypatch.delenv('TEST_CHAT_KEY')
        with pytest.raises(ModelUnavailable, match='set the environment variable TEST_CHAT_KEY'):
            list(model(server).chat(messages(1)))
        monkeypatch.setenv('TEST_CHAT_KEY', f'{KEY}\n{KEY}')
        with pytest.raises(ModelUnavailable, match='line breaks or characters') as caught:
            list(model(server).chat(messages(1)))
    assert KEY not in str(caught.value)


def test_request_follows_the_protocol():
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


def test_data_url_downscales_large_images_and_rejects_other_types():
    url = data_url(np.zeros((40, 100, 3), np.uint8), max_side=50)
    image = Image.open(io.BytesIO(base64.b64decode(url.split(',')[1])))
    assert (image.size, image.format) == ((50, 20), 'JPEG')
    with pytest.raises(ValueError, match='float64'):
        data_url(np.zeros((4, 4, 3)))


def test_reply_content_parts_are_joined():
    parts = [{'type': 'text', 'text': 'a'}, {'type': 'think'}, {'type': 'text', 'text': 'b'}]
    text, usage = read_completion({'choices': [{'message': {'content': parts}}], 'usage': [1]})
    assert (text, usage) == ('ab', {'finish_reason': 'None'})


def test_connections_are_reused_from_the_first_request_on():
    http_client._make_http.cache_clear()  # the first requests come at once and share one pool
    with chat_server() as server:
        assert len(texts(model(server, max_concurrent=2).chat(messages(30)))) == 30
        assert server.connections <= 2


def test_refused_certificate_is_not_retried(monkeypatch):
    attempts = []

    def refuse(*args, **kwargs):
        attempts.append(args)
        try:
            raise ssl.SSLCertVerificationError('self-signed certificate')
        except ssl.SSLError as error:
            raise httpx.ConnectError('handshake failed') from error

    monkeypatch.setattr(http_client._http(), 'stream', refuse)
    with pytest.raises(ModelUnavailable, match=r'certificate refused.*self-signed'):
        list(OpenAICompatibleVLM(model='m', api_key_env=None).chat(messages(1)))
    assert len(attempts) == 1


def test_closing_the_iterator_stops_the_requests():
    with chat_server(delay=lambda text: 0.01) as server:
        replies = model(server, max_concurrent=2).chat(messages(50))
        next(replies)
        replies.close()
    assert sum(server.asked.values()) < 10


@pytest.mark.parametrize(
    'url',
    [
        *('localhost:8000', 'ftp://host/v1', 'http://me:secret@host/v1'),
        *('http://host/v1?key=secret', 'ftp://me:secret@host/v1?key=secret'),
    ],
)
def test_invalid_base_url_is_rejected(url):
    with pytest.raises(ValueError, match='base_url') as caught:
        JsonClient(url, api_key_env=None)
    assert 'secret' not in str(caught.value)


def test_invalid_settings_are_rejected():
    built = MODELS.build({'type': OpenAICompatibleVLM, 'model': 'm'})
    assert built.client.url == 'http://localhost:8000/v1/chat/completions'
    with pytest.raises(ValueError, match='max_concurrent'):
        OpenAICompatibleVLM(model='m', max_concurrent=0)
    with pytest.raises(ValueError, match='tries >= 1'):
        OpenAICompatibleVLM(model='m', retries={'tries': 0})
    with pytest.raises(ValueError, match=r"retries=.*'trys'"):
        OpenAICompatibleVLM(model='m', retries={'trys': 3})
    for image in ({'qualty': 3}, {'file_format': 'gif3'}):
        with pytest.raises(ValueError, match=r'OpenAICompatibleVLM: image=.* cannot be used'):
            OpenAICompatibleVLM(model='m', image=image)
