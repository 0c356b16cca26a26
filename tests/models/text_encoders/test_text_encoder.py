"""Text networks of transformers: tokens and their padding, pretrained weights, training."""

from pathlib import Path

import numpy as np
import pytest
import torch

from avis.apis import load_config
from avis.models.text_encoders.text_encoder import TextEncoder
from avis.models.transformers_loading import word_tokenizer
from avis.synthetic.casting import build_scene, plan_jobs
from avis.synthetic.expressions import describe_absent, describe_scene
from avis.synthetic.recipe import Recipe
from tests.helpers.tiny_encoders import audio_config, text_config

WORDS = ['the', 'man', 'dog', 'on', 'left']


def build(kind: str = 'bert', **options) -> TextEncoder:
    torch.manual_seed(0)
    model = text_config(kind)
    return TextEncoder(model=model, **{'vocabulary': WORDS, 'max_tokens': 8, **options}).train()


def test_tokens_do_not_depend_on_the_longest_sentence_of_the_batch() -> None:
    encoder = build()
    tokens, is_token = encoder(['The man.', 'The dog on the left'])
    assert tokens.shape == (2, 6, encoder.out_channels)
    # A sentence begins with a token of its own; the period is an unknown word.
    assert is_token.tolist() == [[True] * 4 + [False] * 2, [True] * 6]
    alone, _ = encoder(['the man ?'])
    torch.testing.assert_close(alone[0], tokens[0, :4])


def test_no_expression_is_the_empty_sentence_of_one_token() -> None:
    tokens, is_token = build()([None, ''])
    assert is_token.tolist() == [[True], [True]]
    assert torch.equal(tokens[0], tokens[1])


def test_long_sentences_are_cut() -> None:
    assert build(max_tokens=3)(['the dog on the left'])[0].shape[1] == 3
    with pytest.raises(ValueError, match='expected max_tokens from 1 to 16, the longest input of'):
        build(max_tokens=17)


@pytest.mark.parametrize('kind', ['bert', 'roberta', 'clip_text_model'])
def test_frozen_network_has_no_gradient_and_trained_one_has(kind: str) -> None:
    frozen = build(kind)
    assert not frozen(['the man'])[0].requires_grad
    assert not any(module.training for module in frozen.network.modules())
    trained = build(kind, frozen=False)
    trained(['the man'])[0].square().sum().backward()
    assert all(weight.grad is not None for weight in trained.parameters())


def test_folder_of_pretrained_weights_brings_its_tokenizer(tmp_path: Path) -> None:
    random = build()
    random.network.save_pretrained(tmp_path)
    random.tokenizer.save_pretrained(tmp_path)
    torch.manual_seed(1)
    pretrained = TextEncoder(model=str(tmp_path), max_tokens=8)
    assert torch.equal(pretrained(['The man'])[0], random(['The man'])[0])


def test_weights_that_are_not_there_are_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r'TextEncoder: expected the name .* or download its'):
        TextEncoder(model=str(tmp_path / 'roberta'))


def test_network_that_reads_no_text_and_wrong_vocabularies_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected a text network .* got 'wav2vec2'"):
        TextEncoder(model=audio_config('wav2vec2'), vocabulary=WORDS, max_tokens=8)
    with pytest.raises(ValueError, match=r"each word of the vocabulary once, got \['the'\] twice"):
        build(vocabulary=['the', 'the'])
    with pytest.raises(ValueError, match='expected a vocabulary with the config of a random'):
        TextEncoder(model='roberta-base', vocabulary=WORDS)


def test_demo_knows_all_words_of_synthetic_expressions() -> None:
    encoder = load_config('configs/avs/demo_text_tpavi_synthetic.py').model.text_encoder
    tokenizer = word_tokenizer(encoder.vocabulary, by='test')
    recipe = Recipe(layout='refavs', videos=40, identities=14)
    rng, texts = np.random.default_rng(0), set()
    for job in plan_jobs(recipe):
        scene = build_scene(recipe, job)
        found = [*describe_scene(scene, rng), *describe_absent(scene, rng, 20)]
        texts |= {expression.text for expression in found}
    assert len(texts) > 30
    for ids in tokenizer(sorted(texts))['input_ids']:
        assert tokenizer.unk_token_id not in ids
        assert len(ids) <= encoder.model.max_position_embeddings
