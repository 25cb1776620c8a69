"""An extension of Griffe, which reads docstrings for the site: examples that begin with `>>>` become code blocks."""

import re
from typing import Any

import griffe

_EXAMPLE = re.compile(r"^( *)>>> .*(?:\n\1.+)*", re.MULTILINE)
"""A doctest with its output: from a line that begins with `>>>` to the next empty line."""
_FLAGS = re.compile(r" *# doctest:.*")


class Doctests(griffe.Extension):
    """Fences doctests, which Markdown would take for quotations."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of an object after it is read."""
        if obj.docstring:
            obj.docstring.value = _EXAMPLE.sub(_fenced, obj.docstring.value)


def _fenced(found: re.Match[str]) -> str:
    indent = found[1]
    return f"{indent}```pycon\n{_FLAGS.sub('', found[0])}\n{indent}```"
