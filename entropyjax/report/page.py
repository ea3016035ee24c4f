"""A page of findings, and its HTML."""

import base64
import dataclasses
import io
from collections.abc import Sequence

import jinja2
from markupsafe import Markup
from matplotlib.figure import Figure as Drawing

from entropyjax.plots.style import house_style


@dataclasses.dataclass(frozen=True)
class Table:
    """A table: what its columns are, and its rows as text."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclasses.dataclass(frozen=True)
class Figure:
    """A figure as SVG, with what it shows in words."""

    svg: bytes
    words: str

    @classmethod
    def of(cls, drawing: Drawing, words: str) -> "Figure":
        """Return a drawing as a figure of a page."""
        out = io.BytesIO()
        with house_style():
            drawing.savefig(out, format="svg", metadata={"Date": None})
        return cls(out.getvalue(), words)

    @property
    def source(self) -> str:
        """The figure as an address that holds it."""
        return f"data:image/svg+xml;base64,{base64.b64encode(self.svg).decode('ascii')}"


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of a page: sentences, then rows of text with aligned columns, tables and figures."""

    title: str
    sentences: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()


@dataclasses.dataclass(frozen=True)
class Page:
    """A page: a title, what is to be known first, sections, and how it was made."""

    title: str
    verdict: tuple[str, ...]
    sections: tuple[Section, ...]
    made: Sequence[str] = ()


_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a;
  background: #fff; }
h1 { font-size: 1.6rem; line-height: 1.2; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
.verdict { border-left: 4px solid #0072B2; padding: 0.2rem 1rem; background: #f2f6fa; }
.scroll { overflow-x: auto; }
pre { font-size: 0.8rem; line-height: 1.45; }
table { border-collapse: collapse; font-size: 0.9rem; margin: 1rem 0; }
th, td { text-align: left; padding: 0.25rem 0.9rem 0.25rem 0; border-bottom: 1px solid #ddd; white-space: nowrap; }
figure { margin: 1.2rem 0; } img { max-width: 100%; height: auto; }
figcaption, footer { color: #555; font-size: 0.85rem; }
"""

_TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ page.title }}</title>
<style>{{ style }}</style>
</head>
<body>
<h1>{{ page.title }}</h1>
<div class="verdict">
{% for sentence in page.verdict %}<p>{{ sentence }}</p>
{% endfor %}</div>
{% for section in page.sections %}
<h2>{{ section.title }}</h2>
{% for sentence in section.sentences %}<p>{{ sentence }}</p>
{% endfor %}{% if section.rows %}<pre class="scroll">{{ section.rows | join("\n") }}</pre>
{% endif %}{% for table in section.tables %}<div class="scroll"><table>
<thead><tr>{% for cell in table.columns %}<th>{{ cell }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in table.rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</tbody>
</table></div>
{% endfor %}{% for figure in section.figures %}<figure><img src="{{ figure.source }}" alt="{{ figure.words }}">
<figcaption>{{ figure.words }}</figcaption></figure>
{% endfor %}{% endfor %}
<footer>
{% for line in page.made %}<p>{{ line }}</p>
{% endfor %}</footer>
</body>
</html>
"""


def render(page: Page) -> str:
    """Return the page as one HTML document, which loads nothing from elsewhere and runs no scripts."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(_TEMPLATE).render(page=page, style=Markup(_STYLE))
