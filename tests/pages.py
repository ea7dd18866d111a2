"""What a page is made of, and what could be active in it."""

import re
from html.parser import HTMLParser


class Structure(HTMLParser):
    """The tags of a page with the names of their attributes, and what could be active in it."""

    ADDRESSES = ("href", "src", "action", "data", "formaction", "srcset", "xlink:href", "poster")
    ACTIVE = ("script", "iframe", "object", "embed", "form", "base", "link", "frame", "applet")

    def __init__(self, text):
        super().__init__()
        self.tags, self.active = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, *sorted(name for name, _ in attributes)))
        if tag in self.ACTIVE:
            self.active.append((tag, attributes))
        for name, value in attributes:
            value = re.sub(r"\s", "", value or "").lower()
            outside = re.match(r"[a-z][a-z0-9+.-]*:|//", value)
            harmless = value.startswith(("data:image/png;base64,", "#"))
            if name.startswith("on") or (name in self.ADDRESSES and outside and not harmless):
                self.active.append((tag, name, value))

    handle_startendtag = handle_starttag
