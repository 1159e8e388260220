"""A page as a tree of events, checked as strictly as a browser is not."""

from html.parser import HTMLParser

VOID = {"img", "meta"}


class Page(HTMLParser):
    """What a page holds.

    Attributes:
        elements: (name, attributes) of every element, in order.
        text: All that is to be read, blanks joined.
    """

    def __init__(self, source):
        super().__init__()
        self.source = source
        self.elements, self._open, self._text = [], [], []
        self.feed(source)
        self.close()
        assert self._open == []
        self.text = " ".join(" ".join(self._text).split())

    def handle_starttag(self, name, attributes):
        names = [key for key, _ in attributes]
        assert len(names) == len(set(names)), (name, attributes)
        self.elements.append((name, dict(attributes)))
        if name not in VOID:
            self._open.append(name)

    def handle_endtag(self, name):
        assert self._open.pop() == name

    def handle_data(self, data):
        if self._open[-1:] != ["style"]:
            self._text.append(data)

    def all(self, name):
        """Returns the attributes of all elements of a name."""
        return [attributes for n, attributes in self.elements if n == name]

    def ids(self):
        return [a["id"] for _, a in self.elements if "id" in a]
