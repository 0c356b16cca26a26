"""Arguments that the tools share."""

import argparse
import sys

import pytest

from avis.utils.arguments import (
    ToolParser,
    add_run_arguments,
    parse_arguments,
    parse_cfg_options,
)


def test_overrides_are_parsed_as_by_mmengine() -> None:
    parsed = parse_cfg_options(['a.b=1', 'c=[x,2.5]', 'd=True', 'e=None', 'f=(1,2)', 'g=k=v'])
    assert parsed == {
        'a.b': 1,
        'c': ['x', 2.5],
        'd': True,
        'e': None,
        'f': (1, 2),
        'g': 'k=v',
    }
    assert parse_cfg_options([]) == {}
    with pytest.raises(ValueError, match="expected key=value, got 'lr'"):
        parse_cfg_options(['a=1', 'lr'])


def test_repeated_options_add_up() -> None:
    parser = argparse.ArgumentParser()
    add_run_arguments(parser)
    words = 'c.py --cfg-options a=1 b=2 --launcher pytorch --local-rank 3 --cfg-options c=3'
    args = parser.parse_args(words.split())
    assert args.cfg_options == ['a=1', 'b=2', 'c=3']
    assert (args.config, args.launcher, args.local_rank) == ('c.py', 'pytorch', 3)
    assert parser.parse_args(['c.py']).cfg_options == []


@pytest.mark.parametrize(('rank', 'lines'), [(None, 1), ('0', 1), ('1', 0)])
def test_the_first_process_reports_before_slow_imports(rank, lines, monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, 'argv', ['train.py'])
    monkeypatch.delenv('RANK', raising=False)
    if rank is not None:
        monkeypatch.setenv('RANK', rank)
    parse_arguments(argparse.ArgumentParser())
    printed = capsys.readouterr()
    assert printed.out == ''
    assert printed.err == lines * 'train.py: importing PyTorch and mmdet ...\n'


@pytest.mark.parametrize('value', ['(1,(2,3))' + '9' * 400, 'x(1,2)', '[(1,2)3]', 'x((1,2))'])
def test_text_beside_a_bracket_with_commas_is_refused(value):
    with pytest.raises(ValueError, match='expected a comma or an end beside'):
        parse_cfg_options([f'a={value}'])


def test_brackets_without_commas_are_text():
    assert parse_cfg_options(['a=f(x)', "b=['c','d']"]) == {'a': 'f(x)', 'b': ['c', 'd']}


@pytest.mark.parametrize(
    'words',
    ['c.py w.pth', 'c.py --out x w.pth', '--checkpoint w.pth c.py', 'c.py --checkpoint=w.pth'],
)
def test_checkpoint_is_a_positional_argument_or_an_option(words: str) -> None:
    parser = ToolParser()
    parser.add_argument('config')
    parser.add_checkpoint()
    parser.add_argument('--out')
    for _ in range(2):  # a parser is not changed by the words that it parses
        args = parser.parse_args(words.split())
        assert (args.config, args.checkpoint) == ('c.py', 'w.pth')
        assert 'checkpoint_file' not in vars(args)


def test_missing_or_double_checkpoint_is_an_error(capsys) -> None:
    parser = ToolParser()
    parser.add_argument('config')
    parser.add_checkpoint()
    for words, message in {
        'c.py': 'required: checkpoint',
        'c.py none --checkpoint w.pth': 'unrecognized arguments: none',
    }.items():
        with pytest.raises(SystemExit):
            parser.parse_args(words.split())
        assert message in capsys.readouterr().err


def test_help_fills_paragraphs_and_keeps_commands() -> None:
    text = 'One\nparagraph.\n\nexamples:\n  %(prog)s a\n  %(prog)s b'
    shown = ToolParser(prog='tool', description=text).format_help()
    assert 'One paragraph.\n\nexamples:\n  tool a\n  tool b\n' in shown
