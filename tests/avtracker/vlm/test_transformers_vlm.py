import sys

import numpy as np
import pytest
import torch

from avis.avtracker.interfaces import Message
from avis.avtracker.vlm.transformers_vlm import TransformersVLM, _load
from tests.helpers.tiny_transformers import save_qwen3_vl


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return str(save_qwen3_vl(tmp_path_factory.mktemp('models') / 'qwen3_vl'))


def messages(count, **kwargs):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (count, 2, 40, 64, 3), np.uint8)
    kwargs = {'max_new_tokens': 12, **kwargs}
    return [
        Message(parts=('who is', *pair, f'{i}?'), name=f'video/local/{i}', **kwargs)
        for i, pair in enumerate(images)
    ]


def texts(replies):
    return [reply.text for reply in replies]


@pytest.mark.parametrize('batch_size', [1, 2])
def test_replies_come_in_order_and_again_the_same(folder, batch_size):
    chat = TransformersVLM(model=folder, batch_size=batch_size)
    first, second = list(chat.chat(messages(3))), list(chat.chat(messages(3)))
    assert texts(first) == texts(second)
    assert len(set(texts(first))) == 3
    for reply in first:
        assert reply.error is None
        assert 0 < reply.usage['completion_tokens'] <= 12
        assert reply.usage['prompt_tokens'] > 100  # the images are in it


def test_a_run_that_goes_on_gets_the_reply_it_would_have_got(folder):
    chat = TransformersVLM(model=folder)
    assert texts(chat.chat(messages(3)))[1:] == texts(chat.chat(messages(3)[1:]))


def test_the_random_state_of_others_is_left_alone(folder):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    list(TransformersVLM(model=folder).chat(messages(1)))
    assert torch.rand(1) == expected


def test_images_order_seed_and_attempt_matter(folder):
    (message,) = messages(1)
    chat = TransformersVLM(model=folder)
    swapped = (message.parts[0], message.parts[2], message.parts[1], message.parts[3])
    replies = [
        *chat.chat([message]),
        *chat.chat([Message(swapped, name=message.name, max_new_tokens=12)]),
        *chat.chat(messages(1, attempt=1)),
        *TransformersVLM(model=folder, seed=1).chat([message]),
    ]
    assert len(set(texts(replies))) == 4


def test_a_greedy_model_samples_when_it_is_asked_again(folder):
    greedy = TransformersVLM(model=folder, generate={'do_sample': False})
    assert texts(greedy.chat(messages(1))) == texts(greedy.chat(messages(1, attempt=1)))
    chat = TransformersVLM(model=folder)
    assert texts(chat.chat(messages(1))) != texts(chat.chat(messages(1, attempt=1)))


def test_messages_are_drawn_batch_by_batch(folder):
    drawn = []

    def source():
        for number, message in enumerate(messages(4)):
            drawn.append(number)
            yield message

    replies = TransformersVLM(model=folder, batch_size=2).chat(source())
    next(replies)
    assert drawn == [0, 1]


def test_what_does_not_fit_into_memory_is_asked_alone_then_given_up(folder, monkeypatch):
    chat = TransformersVLM(model=folder, batch_size=3)
    work = chat._generate

    def generate(batch):
        if len(batch) > 1 or batch[0].name.endswith('1'):
            raise torch.OutOfMemoryError('no room\nmore')
        return work(batch)

    monkeypatch.setattr(chat, '_generate', generate)
    replies = list(chat.chat(messages(3)))
    assert [reply.error is None for reply in replies] == [True, False, True]
    assert str(replies[1].error) == 'out of memory: no room'


def test_two_parts_share_the_weights(folder):
    one, two = TransformersVLM(model=folder), TransformersVLM(model=folder, batch_size=4)
    assert one._network[1] is two._network[1]


def test_a_missing_library_is_named_when_it_is_needed(monkeypatch):
    _load.cache_clear()
    chat = TransformersVLM()
    monkeypatch.setitem(sys.modules, 'transformers', None)
    with pytest.raises(ImportError, match=r"pip install 'avis\[vlm\]'"):
        list(chat.chat(messages(1)))
    with pytest.raises(ValueError, match='batch_size'):
        TransformersVLM(batch_size=0)
