"""The documents, and what is in them."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

from helpers import ROOT

PAGES = {
    str(path.relative_to(ROOT)): path.read_text()
    for path in (
        *(ROOT / name for name in ('README.md', 'CONTRIBUTING.md', 'demo/README.md')),
        *sorted(ROOT.glob('docs/**/*.md')),
        *sorted(ROOT.glob('configs/**/README.md')),
        *sorted(ROOT.glob('research/**/README.md')),
    )
}
NOT_RUN = '# not run by the tests: '
_FENCED = re.compile(r'^```(\w*)\n(.*?)^```$', re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    """A fenced block of a page."""

    page: str
    language: str
    text: str

    @property
    def not_run(self):
        """bool: Whether it says of itself that it is not run."""
        return re.match(f'{re.escape(NOT_RUN)}\\S', self.text) is not None

    @property
    def commands(self):
        """list[list[str]]: The words of each command, comments left out."""
        lines = self.text.replace('\\\n', '').splitlines()
        return [words for line in lines if (words := shlex.split(line, comments=True))]

    def __str__(self):
        first = next(
            (line for line in self.text.splitlines() if line and line[0] != '#'), 'comments'
        )
        return f'{self.page}: {first[:60]}'


def blocks(language):
    """List the blocks in a language, each text once."""
    found = {}
    for page, text in PAGES.items():
        for kind, content in _FENCED.findall(text):
            if kind == language:
                found.setdefault(content, Block(page, kind, content))
    return list(found.values())


def program(first):
    """Return the block of any language whose first line has ``first`` in it."""
    (found,) = {
        content
        for text in PAGES.values()
        for _, content in _FENCED.findall(text)
        if first in content.splitlines()[0]
    }
    return found


def languages():
    """Return the languages of all blocks."""
    return {kind for text in PAGES.values() for kind, _ in _FENCED.findall(text)}


def prose(page):
    """Return a page's text without its fenced blocks."""
    return _FENCED.sub('', PAGES[page])


def links(page):
    """List a page's links as (path from the root, anchor), those to the web left out."""
    folder = Path(page).parent
    for target in re.findall(r'\]\(([^)\s]+)\)', prose(page)):
        if not re.match(r'\w+:', target):
            path, _, anchor = target.partition('#')
            yield (ROOT / folder / path if path else ROOT / page).resolve(), anchor


def anchors(path):
    """Return the names that a page's headings can be linked by, as GitHub makes them."""
    headings = re.findall(r'^#+ (.*)$', prose(str(path.relative_to(ROOT))), re.MULTILINE)
    return {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-') for heading in headings}
