"""What a person reads on a report's page, from its HTML."""

from __future__ import annotations

from html.parser import HTMLParser

UNITS = {"title", "h1", "h2", "h3", "p", "li", "td", "th", "figcaption"}


class Reader(HTMLParser):
    """Collects the text of every unit that is not kept from translation, and every alternative text."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = dict(attrs)
        if tag == "img":
            self.texts.append(facts["alt"] or "")
        if tag in UNITS:
            self.open = facts.get("translate") != "no"
            self.texts += [""] if self.open else []

    def handle_endtag(self, tag: str) -> None:
        self.open = self.open and tag not in UNITS

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts[-1] += data


def texts(html: str) -> list[str]:
    """Every text of a report's page in reading order but those that are the same in every language."""
    reader = Reader()
    reader.feed(html)
    return reader.texts
