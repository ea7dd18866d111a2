"""How every page is made of its template: what goes into it is cleaned, then escaped."""

from pathlib import Path
from typing import Any

import jinja2

from autograder.sandbox.inside import clean

TEMPLATES = Path(__file__).parent / "templates"
MOST_CHARACTERS = 20_000  # of one text on a page


def template(name: str, folder: Path = TEMPLATES) -> jinja2.Template:
    """Return a template of a folder's, which may include those of `templates/`.

    Whatever text it is filled with is shown as text. What is HTML is `Markup`, the lab's own.
    """
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, TEMPLATES]),
        autoescape=True,
        finalize=_clean,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    templates.filters["line"] = clean.line
    templates.filters["points"] = lambda value: f"{value:.4g}"
    return templates.get_template(name)


def _clean(value: Any) -> Any:
    return clean.lines(value, MOST_CHARACTERS) if type(value) is str else value
