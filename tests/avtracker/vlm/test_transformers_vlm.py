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
def test_replies_are_ordered_and_reproducible(folder, batch_size):
    chat = TransformersVLM(model=folder, batch_size=batch_size)
    first, second = list(chat.chat(messages(3))), list(chat.chat(messages(3)))
    assert texts(first) == texts(second)
    assert len(set(texts(first))) == 3
    for reply in first:
        assert reply.error is None
        assert 0 < reply.usage['completion_tokens'] <= 12
        assert reply.usage['prompt_tokens'] > 100  # the images are in it


def test_resumed_run_gets_the_same_replies(folder):
    chat = TransformersVLM(model=folder)
    assert texts(chat.chat(messages(3)))[1:] == texts(chat.chat(messages(3)[1:]))


def test_global_random_state_is_unchanged(folder):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    list(TransformersVLM(model=folder).chat(messages(1)))
    assert torch.rand(1) == expected


def test_reply_depends_on_image_order_seed_and_attempt(folder):
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


def test_greedy_model_samples_on_a_second_attempt(folder):
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


def test_out_of_memory_batch_is_answered_one_by_one_with_error_replies(folder, monkeypatch):
    chat = TransformersVLM(model=folder, batch_size=3)
    work = chat._generate

    def generate(batch):
        if len(batch) > 1 or batch[0].name.endswith('1'):
            raise torch.OutOfMemoryError('not enough\nmore')
        return work(batch)

    monkeypatch.setattr(chat, '_generate', generate)
    replies = list(chat.chat(messages(3)))
    assert [reply.error is None for reply in replies] == [True, False, True]
    assert str(replies[1].error) == 'out of memory: not enough'


def test_two_components_share_the_weights(folder):
    one, two = TransformersVLM(model=folder), TransformersVLM(model=folder, batch_size=4)
    assert one._network[1] is two._network[1]


def test_missing_library_raises_import_error_on_first_use(monkeypatch):
    _load.cache_clear()
    chat = TransformersVLM()
    monkeypatch.setitem(sys.modules, 'transformers', None)
    with pytest.raises(ImportError, match=r"pip install 'avis\[vlm\]'"):
        list(chat.chat(messages(1)))
    with pytest.raises(ValueError, match='batch_size'):
        TransformersVLM(batch_size=0)
