"""The code of the documentation runs, and what its pages name exists.

Blocks of ``python`` are executed and sessions of ``pycon`` are checked as doctests, in the order
of the page, in a folder with a copy of configs/ and projects/ and a tiny synthetic data set. A
``code-block`` with a caption is a file: it is written to that path first. Commands in ``bash``
are parsed by the tools they call.
"""

import argparse
import ast
import doctest
import importlib
import re
import runpy
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mmengine.logging import MMLogger

from avis.cli.commands import COMMANDS
from avis.cli.main import command_parser
from tests.helpers.docs_pages import DOCS, ROOT, Block, Page, read_page

PAGES = [read_page(path) for path in sorted(DOCS.glob('*.md'))]
READMES = [
    read_page(path)
    for pattern in ('*.md', 'configs/**/*.md', 'projects/**/*.md', 'benchmarks/*.md')
    for path in sorted(ROOT.glob(pattern))
    if path.name not in ('CHANGELOG.md', 'CODE_OF_CONDUCT.md')
]
RUNNABLE = [page for page in PAGES if any(b.language in ('python', 'pycon') for b in page.blocks)]
SOURCE_FOLDERS = ('avis', 'configs', 'tools', 'projects', 'benchmarks', 'tests', 'requirements')
FOREIGN_COMMANDS = {'tensorboard', '.', 'pre-commit', 'sed'}
# Names in code font that belong to somebody else's software.
FOREIGN_WORDS = {
    '_delete_',
    'custom_imports',
    'failed',
    'libcudart',
    'meeting',
    'my_method',
    'my_module',
    'nvidia',
    'vis_data',
}
# This page names flags and classes of other projects.
FOREIGN_PAGES = {'migrating.md'}


def page_id(page: Page) -> str:
    return str(page.path.relative_to(ROOT))


def all_blocks(language: str, pages: list[Page]) -> list[Block]:
    return [block for page in pages for block in page.blocks if block.language == language]


@pytest.fixture(scope='module')
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder data/ with a small synthetic data set and one video with audio."""
    from avis.apis import load_config
    from avis.synthetic.generator import make_dataset

    folder = tmp_path_factory.mktemp('docs')
    made = make_dataset(
        layout='avsbench_ms3',
        out=folder / 'made',
        videos=4,
        splits=(2, 1, 1),
        size=(96, 96),
        with_mp4=True,
    ).root
    (folder / 'data').mkdir()
    shutil.move(next(made.rglob('*.mp4')), folder / 'data' / 'video.mp4')
    config = load_config(ROOT / 'configs/avs/demo_tpavi_synthetic.py', check_types=False)
    shutil.move(made, folder / config.dataset.data_root)
    return folder / 'data'


@pytest.fixture
def workshop(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder in which the code of a page runs."""
    for name in ('configs', 'projects'):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / 'data').symlink_to(data)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        paths = [getattr(sys.modules[name], '__file__', None) or '']
        paths += list(getattr(sys.modules[name], '__path__', []))
        if any(path.startswith(str(tmp_path)) for path in paths):
            del sys.modules[name]


@pytest.mark.parametrize('page', RUNNABLE, ids=page_id)
def test_code_of_a_page_runs(page: Page, workshop: Path) -> None:
    names: dict[str, Any] = {'__name__': '__docs__'}
    for block in page.blocks:
        if block.options.get('caption'):
            file = workshop / block.options['caption']
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.body)
        elif block.language == 'python':
            exec(compile('\n' * (block.line - 1) + block.body, block.where, 'exec'), names)
        elif block.language == 'pycon':
            check_session(block, names)


def check_session(block: Block, names: dict[str, Any]) -> None:
    """Run a ``>>>`` session; its names stay defined for the next block."""
    test = doctest.DocTestParser().get_doctest(block.body, names, block.where, block.where, 0)
    test.globs = names
    printed: list[str] = []
    MMLogger.get_current_instance()  # a logger of the session's own would write into its output
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    result = doctest.DocTestRunner(optionflags=flags).run(
        test, out=printed.append, clear_globs=False
    )
    assert not result.failed, ''.join(printed)


class Parsed(Exception):
    """Raised in place of the work of a tool."""


def parse_command(tool: Path, words: list[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a tool until it has parsed a command line; return the arguments."""

    def stop(self: argparse.ArgumentParser, *args: Any, **kwargs: Any) -> None:
        raise Parsed(self, original(self, *args, **kwargs))

    with monkeypatch.context() as patch:
        original = argparse.ArgumentParser.parse_args
        patch.setattr(argparse.ArgumentParser, 'parse_args', stop)
        patch.setattr(sys, 'argv', [str(tool), *words])
        patch.syspath_prepend(tool.parent)  # as Python does
        with pytest.raises(Parsed) as parsed:
            runpy.run_path(str(tool), run_name='__main__')
    return parsed.value.args


def commands(block: Block) -> Iterator[tuple[dict[str, str], list[str]]]:
    """Variables and words of each command line of a block."""
    text = re.sub(r'\$\(.*?\)', 'substituted', block.body.replace('\\\n', ' '))
    for line in text.splitlines():
        words = shlex.split(line, comments=True)
        variables = {}
        while words and re.fullmatch(r'[A-Z_]+=.*', words[0]):
            name, _, value = words.pop(0).partition('=')
            variables[name] = value
        if words:
            yield variables, words


@pytest.mark.parametrize('block', all_blocks('bash', PAGES + READMES), ids=lambda b: b.where)
def test_commands_parse(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    for variables, words in commands(block):
        program, *rest = words
        if program == 'python' and rest[0].endswith('.py'):
            check_tool(ROOT / rest[0], rest[1:], monkeypatch)
        elif program == 'avis':
            check_tool(ROOT / 'avis/__main__.py', rest, monkeypatch)
        elif program == 'bash' or program.startswith('tools/'):
            check_script(variables, rest if program == 'bash' else words, monkeypatch)
        elif program == 'make':
            targets = re.findall(r'^([\w-]+):', (ROOT / 'Makefile').read_text(), re.MULTILINE)
            assert {word for word in rest if '=' not in word} <= set(targets), block.where
        elif program in ('pip', 'python'):
            for extra in re.findall(r'\[([\w,]+)\]', ' '.join(rest)):
                assert all((ROOT / f'requirements/{e}.txt').is_file() for e in extra.split(','))
        else:
            assert program in FOREIGN_COMMANDS, f'{block.where}: unknown command {program!r}'


def check_tool(tool: Path, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python tool parses the words, and its config with the overrides is valid."""
    _, args = parse_command(tool, words, monkeypatch)
    config = getattr(args, 'config', None)
    if config is not None and not config.startswith('my_'):
        from avis.apis import load_config
        from avis.utils.arguments import parse_cfg_options

        options = getattr(args, 'cfg_options', None) or {}
        if isinstance(options, list):
            options = parse_cfg_options(options)
        load_config(config if '/' not in config else ROOT / config, options)


def check_script(
    variables: dict[str, str], words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shell script exists, reads the variables, and passes flags to a tool that knows them."""
    script = ROOT / words[0]
    text = script.read_text()
    text += ''.join(
        (ROOT / 'tools' / path).read_text() for path in re.findall(r'misc/\w+\.sh', text)
    )
    assert all(name in text for name in variables), f'{words[0]} does not read {variables}'
    configs = [word for word in words if word.startswith(('configs/', 'projects/'))]
    assert all((ROOT / config).is_file() for config in configs), configs
    flags = {word.partition('=')[0] for word in words if word.startswith('--')}
    if flags:
        tool = f'tools/{script.stem.rpartition("_")[2]}.py'
        assert flags <= flags_of(ROOT / tool, monkeypatch), words


def flags_of(tool: Path, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """All ``--flags`` of a Python tool."""
    found: set[str] = set()
    with monkeypatch.context() as patch:
        add = argparse.ArgumentParser.add_argument

        def record(self: Any, *names: str, **kwargs: Any) -> Any:
            found.update(name for name in names if name.startswith('--'))
            return add(self, *names, **kwargs)

        def stop(self: Any, *args: Any, **kwargs: Any) -> None:
            raise Parsed

        patch.setattr(argparse.ArgumentParser, 'add_argument', record)
        patch.setattr(argparse.ArgumentParser, 'parse_args', stop)
        patch.setattr(sys, 'argv', [str(tool)])
        with pytest.raises(Parsed):
            runpy.run_path(str(tool), run_name='__main__')
    return found


@pytest.fixture(scope='module')
def known_words() -> set[str]:
    """Every word of the code of this repository."""
    files = [f for name in SOURCE_FOLDERS for f in (ROOT / name).rglob('*') if is_source(f)]
    files += [ROOT / name for name in ('Makefile', 'setup.py', 'pyproject.toml', '.gitignore')]
    words = {word for file in files for word in re.findall(r'\w+', file.read_text())}
    names = {part for file in files for part in re.findall(r'\w+', str(file.relative_to(ROOT)))}
    return words | names | FOREIGN_WORDS


def is_source(file: Path) -> bool:
    return file.suffix in ('.py', '.sh', '.txt', '.yml') and file.name != Path(__file__).name


@pytest.mark.parametrize('page', PAGES + READMES, ids=page_id)
def test_names_exist(page: Page, known_words: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    own = {word for block in page.blocks for word in re.findall(r'\w+', block.body)}
    foreign = page.path.name in FOREIGN_PAGES
    for code in page.code_in_text():
        if not re.search(r'[<>]|\.\.\.|…', code):
            check_path(code, page)
        if re.fullmatch(r'avis(\.\w+)+', code):
            check_dotted_name(code)
        words = set(re.findall(r'[A-Za-z_]\w{2,}', re.sub(r'<[^>]*>', '', code)))
        unknown = words - known_words - own
        assert foreign or not unknown, (
            f'{page_id(page)}: `{code}` names {sorted(unknown)}, unknown here'
        )


def check_path(code: str, page: Page) -> None:
    """Paths of the repository, or from the page, exist; {a,b} means both, * at least one."""
    first = re.split(r'[/\s]', code)[0]
    if not re.fullmatch(r'[\w./*{},-]+', code) or '/' not in code:
        return
    if first not in {*SOURCE_FOLDERS, 'docs', '.ci'}:
        return
    for path in expand_braces(code):
        found = [list(base.glob(path.rstrip('/'))) for base in (ROOT, page.path.parent)]
        assert any(found), f'{page_id(page)}: `{code}`: {path} does not exist'


def expand_braces(text: str) -> list[str]:
    found = re.search(r'\{([^{}]*)\}', text)
    if found is None:
        return [text]
    return [
        path
        for part in found[1].split(',')
        for path in expand_braces(text[: found.start()] + part + text[found.end() :])
    ]


def check_dotted_name(code: str) -> None:
    """``avis.a.b.C.d`` can be imported and looked up; ``avis.configs.x`` is a config."""
    parts = code.split('.')
    if parts[1] == 'configs':
        path = ROOT.joinpath(*parts[1:])
        assert path.is_dir() or path.with_suffix('.py').is_file(), f'{code} does not exist'
        return
    target = importlib.import_module(parts[0])
    for length, part in enumerate(parts[1:], start=2):
        if not hasattr(target, part):
            target = importlib.import_module('.'.join(parts[:length]))
        else:
            target = getattr(target, part)


@pytest.fixture(scope='module')
def tools() -> list[Path]:
    paths = [*(ROOT / 'tools').rglob('*.py'), *ROOT.glob('projects/*/*/*.py')]
    files = ((f, f.read_text()) for f in paths)
    return [f for f, text in files if 'add_argument(' in text or 'run_tool(' in text]


@pytest.mark.parametrize('page', PAGES + READMES, ids=page_id)
def test_flags_exist(page: Page, tools: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    codes = [c for c in page.code_in_text() if c.startswith('--')]
    flags = {re.match(r'--[\w-]+', code)[0] for code in codes}
    if flags and page.path.name not in FOREIGN_PAGES:
        known = {flag for tool in tools for flag in flags_of(tool, monkeypatch)}
        known |= {flag for name in COMMANDS for flag in command_parser(name)._option_string_actions}
        assert flags <= known, f'{page_id(page)}: no tool has {sorted(flags - known)}'


@pytest.mark.parametrize('page', PAGES + READMES, ids=page_id)
def test_links_resolve(page: Page) -> None:
    for link in page.links():
        name, _, anchor = link.partition('#')
        target = (page.path.parent / name).resolve() if name else page.path
        assert target.exists(), f'{page_id(page)}: {link}'
        if anchor:
            assert anchor in read_page(target).anchors(), f'{page_id(page)}: {link}'


@pytest.mark.parametrize('page', PAGES, ids=page_id)
def test_included_files_exist(page: Page) -> None:
    for block in page.blocks:
        if block.directive not in ('literalinclude', 'include'):
            continue
        text = (page.path.parent / block.argument).read_text()
        for key in ('start-at', 'start-after', 'end-at', 'end-before'):
            assert block.options.get(key, '') in text, f'{block.where}: {key}'
        for name in filter(None, block.options.get('pyobject', '').split('.')):
            assert re.search(rf'^\s*(def|class) {name}\b', text, re.MULTILINE), block.where


def test_documented_objects_exist() -> None:
    page = read_page(DOCS / 'api.md')
    text = '\n'.join(b.body for b in page.blocks if b.directive == 'eval-rst')
    names = re.findall(r'^\.\. auto\w+:: (\S+)', text, re.MULTILINE)
    assert len(names) > 20
    for name in names:
        check_dotted_name(name)


def test_every_page_is_in_the_table_of_contents() -> None:
    index = read_page(DOCS / 'index.md')
    listed = {n for b in index.blocks if b.directive == 'toctree' for n in b.body.split()}
    assert {page.path.stem for page in PAGES} == {'index', *listed}


def test_walks_of_the_architecture_name_existing_code() -> None:
    text = (DOCS / 'architecture.md').read_text()
    walks = [part for part in text.split('\n## ') if re.search(r'^1\. ', part, re.MULTILINE)]
    assert len(walks) == 3
    for walk in walks:
        steps = re.findall(r'^\d+\. (.+)$', walk, re.MULTILINE)
        assert 6 <= len(steps) <= 12
        for step in steps:
            path, name = re.match(r'`([\w/]+\.py)` `([\w.]+)` ', step).groups()
            assert name in defined_names(ROOT / path), f'{path} does not define {name}'


def defined_names(path: Path) -> set[str]:
    """Functions, classes and methods of a module, methods as ``Class.method``."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            methods = [each.name for each in node.body if isinstance(each, ast.FunctionDef)]
            found |= {f'{node.name}.{method}' for method in methods}
    return found


def test_glossary_names_a_module_for_each_term_once() -> None:
    rows = re.findall(
        r'^\| (.+) \| (.+) \| `(avis[\w.]+)` \|$', (DOCS / 'glossary.md').read_text(), re.M
    )
    assert len(rows) > 40
    terms = [term.lower() for term, _, _ in rows]
    assert len(set(terms)) == len(terms)
    assert terms == sorted(terms)
    for term, _, module in rows:
        assert (ROOT / f'{module.replace(".", "/")}.py').is_file(), f'{term}: no module {module}'
