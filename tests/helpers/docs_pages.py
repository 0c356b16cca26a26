"""Read the pages of the documentation: fenced blocks, code in the text, links."""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / 'docs'
# Directives whose body is code; others (toctree, eval-rst, ...) are skipped.
_CODE_DIRECTIVES = {'code-block'}


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        page: File that contains it.
        line: Number of its first line of code.
        directive: ``literalinclude`` and the like, '' for a plain fence.
        argument: Language of a plain fence or code block, else the argument of the directive.
        options: ``:key: value`` lines of a directive.
        body: Text, dedented.
    """

    page: Path
    line: int
    directive: str
    argument: str
    options: dict[str, str]
    body: str

    @property
    def language(self) -> str:
        """Language of the code, '' if the block contains no code."""
        return self.argument if self.directive in {'', *_CODE_DIRECTIVES} else ''

    @property
    def where(self) -> str:
        """Page and line, for messages."""
        return f'{self.page.relative_to(ROOT)}:{self.line}'


@dataclass(frozen=True)
class Page:
    """A page: its blocks, and its text without them."""

    path: Path
    blocks: tuple[Block, ...]
    text: str

    def code_in_text(self) -> list[str]:
        """The text in single backquotes, without MyST roles."""
        return re.findall(r'(?<![`}])`([^`\n]+)`(?!`)', self.text)

    def links(self) -> list[str]:
        """Targets of links that stay inside the repository."""
        targets = re.findall(r'\]\(([^)\s]+)\)', self.text)
        return [target for target in targets if '://' not in target]

    def anchors(self) -> set[str]:
        """What a link may point to after ``#``: headings as MyST and GitHub name them."""
        titles = re.findall(r'^#+ (.+)$', self.text, re.MULTILINE)
        plain = (re.sub(r'[^\w\- ]', '', title.lower()) for title in titles)
        return {title.strip().replace(' ', '-') for title in plain}


def read_page(path: Path) -> Page:
    """Split a Markdown file into its fenced blocks and its text."""
    blocks, text = [], []
    lines = enumerate(path.read_text(encoding='utf-8').splitlines(), start=1)
    for number, line in lines:
        fence = re.match(r'\s*(`{3,}|:{3,})(?:\{([\w-]+)\})?\s*(.*)$', line)
        if fence is None:
            text.append(line)
            continue
        inside = []
        for _, inner in lines:
            if inner.strip() == fence[1]:
                break
            inside.append(inner)
        blocks.append(_block(path, number, fence, textwrap.dedent('\n'.join(inside))))
    return Page(path, tuple(blocks), '\n'.join(text))


def _block(path: Path, number: int, fence: re.Match[str], body: str) -> Block:
    options: dict[str, str] = {}
    line = number + 1
    if fence[2]:
        while option := re.match(r':([\w-]+):\s*(.*)\n?', body):
            options[option[1]] = option[2]
            body = body[option.end() :]
            line += 1
    return Block(path, line, fence[2] or '', fence[3].strip(), options, body + '\n')
