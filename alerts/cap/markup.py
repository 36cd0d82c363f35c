"""Markup from strangers: XML of bounded size into a plain tree, or the sentence why not. Document types are refused whole, and
with them every entity that could grow or reach out; nothing outside is ever opened.

Expat reads UTF-8, UTF-16, ISO-8859-1 and US-ASCII by itself; GB 2312, GBK and GB 18030, which Chinese systems still write, are
decoded beforehand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from alerts.cap.document import Fault


class Limits(NamedTuple):
    """How much is read at most: bytes, elements, levels, characters of one text."""

    n_bytes: int = 1_000_000
    elements: int = 20_000
    depth: int = 24
    characters: int = 400_000


ORDINARY = Limits()
BLANKS = " \t\r\n"
"""What XML takes for white space; the wide blank with which Chinese paragraphs begin is a letter."""
_DECLARED = re.compile(rb"""^(?:\xef\xbb\xbf)?\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_ENCODING = re.compile(r"""^(\s*<\?xml[^>]*?)\s+encoding\s*=\s*["'][^"']*["']""")
_CODECS = {"": "utf-8", "utf-8": "utf-8", "utf8": "utf-8", "us-ascii": "ascii", "iso-8859-1": "latin-1", "utf-16": "utf-16"}
_CHINESE = ("gb2312", "gbk", "gb18030", "gb_2312-80", "cp936")


@dataclass(slots=True)
class Element:
    """One element: the names without prefix, its own text without the blanks around it, its children in order."""

    name: str
    namespace: str
    attributes: dict[str, str] = field(default_factory=dict)
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def child(self, name: str) -> Element | None:
        """The first child of that name in the same namespace."""
        return next(iter(self.all(name)), None)

    def all(self, name: str) -> list[Element]:
        return [child for child in self.children if child.name == name and child.namespace == self.namespace]


class _Stop(Exception):  # noqa: N818 - carried out of expat's callbacks, never further
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.en)
        self.fault = fault


def parse(raw: bytes, limits: Limits = ORDINARY) -> Element | Fault:
    """The tree of an XML document, or what is wrong with it."""
    if len(raw) > limits.n_bytes:
        return _too_much(f"{len(raw)} 字节", f"{len(raw)} bytes", limits.n_bytes)
    if not raw.strip():
        return Fault("xml_empty", "报文为空：应为一份 XML 文档", "the message is empty: expected an XML document")
    declared = _DECLARED.match(raw)
    encoding: str | None = None
    if declared is not None and declared[1].decode().lower() in _CHINESE:
        try:
            raw, encoding = raw.decode("gb18030").encode(), "utf-8"
        except UnicodeDecodeError as fault:
            name = declared[1].decode()
            return _unreadable(f"声明为 {name}，第 {fault.start} 字节不是", f"byte {fault.start} is not {name}")
    builder = _Builder(limits)
    parser = expat.ParserCreate(encoding, namespace_separator="\n")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = builder.start, builder.end
    parser.CharacterDataHandler = builder.text
    parser.StartDoctypeDeclHandler = builder.doctype
    try:
        parser.Parse(raw, True)
    except _Stop as stop:
        return stop.fault
    except expat.ExpatError as fault:
        line, column, words = fault.lineno, fault.offset, expat.ErrorString(fault.code)
        return _unreadable(f"第 {line} 行第 {column} 列：{words}", f"line {line}, column {column}: {words}")
    except (ValueError, LookupError) as fault:  # an encoding that nobody here reads
        name = declared[1].decode() if declared else "?"
        return _unreadable(f"编码 {name} 不支持，请改用 UTF-8", f"the encoding {name} is not read here ({fault}); write UTF-8")
    assert builder.root is not None, "expat complains of a document without an element"
    return builder.root


def written(element: Element) -> bytes:
    """An element as a document of its own, such as a message that stood inside a feed."""
    return f'<?xml version="1.0"?>{_written(element, "")}'.encode()


def _written(element: Element, around: str) -> str:
    names = "".join(f" {name}={quoteattr(value)}" for name, value in element.attributes.items() if name.isidentifier())
    space = f" xmlns={quoteattr(element.namespace)}" if element.namespace != around else ""
    inside = escape(element.text, {"\r": "&#13;"}) + "".join(_written(child, element.namespace) for child in element.children)
    return f"<{element.name}{space}{names}>{inside}</{element.name}>"


def as_text(raw: bytes) -> str | Fault:
    """A document as characters, for what is kept and passed on as text; `undeclared`, because an encoding is one of bytes."""
    if len(raw) > ORDINARY.n_bytes:
        return _too_much(f"{len(raw)} 字节", f"{len(raw)} bytes", ORDINARY.n_bytes)
    declared = _DECLARED.match(raw)
    name = declared[1].decode().lower() if declared is not None else ""
    codec = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "gb18030" if name in _CHINESE else _CODECS.get(name)
    if codec is None:
        return _unreadable(f"编码 {name} 不支持，请改用 UTF-8", f"the encoding {name} is not read here; write UTF-8")
    try:
        return undeclared(raw.decode(codec).removeprefix("\ufeff"))
    except UnicodeDecodeError as fault:
        return _unreadable(f"声明为 {name or codec}，第 {fault.start} 字节不是", f"byte {fault.start} is not {name or codec}")


def undeclared(text: str) -> str:
    """The document without the encoding that it declares."""
    return _ENCODING.sub(r"\1", text, count=1)


class _Builder:
    """Puts the tree together, and stops at the first limit that is passed."""

    def __init__(self, limits: Limits) -> None:
        self.root: Element | None = None
        self._limits, self._n = limits, 0
        self._open: list[tuple[Element, list[str]]] = []
        self._length = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._n += 1
        if self._n > self._limits.elements:
            raise _Stop(_too_much(f"{self._n} 个元素", f"{self._n} elements", self._limits.elements))
        if len(self._open) >= self._limits.depth:
            raise _Stop(_too_much(f"{len(self._open) + 1} 层", f"{len(self._open) + 1} levels", self._limits.depth))
        namespace, _, local = name.rpartition("\n")
        element = Element(local, namespace, {key.rpartition("\n")[2]: value for key, value in attributes.items()})
        if self._open:
            self._open[-1][0].children.append(element)
        else:
            self.root = element
        self._open.append((element, []))

    def end(self, _: str) -> None:
        element, texts = self._open.pop()
        element.text = "".join(texts).strip(BLANKS)

    def text(self, data: str) -> None:
        self._length += len(data)
        if self._length > self._limits.characters:
            raise _Stop(_too_much(f"{self._length} 个字符", f"{self._length} characters", self._limits.characters))
        if self._open:
            self._open[-1][1].append(data)

    def doctype(self, *_: object) -> None:
        raise _Stop(
            Fault(
                "xml_doctype",
                "报文带有 DOCTYPE：不予解析（实体可使内容膨胀或读取外部文件），请去掉后重发",
                "the message has a document type: expected none, because entities can swell it or reach out; send it without",
            )
        )


def _too_much(zh: str, en: str, most: int) -> Fault:
    return Fault("xml_too_large", f"报文有 {zh}：上限 {most}", f"the message has {en}: expected at most {most}")


def _unreadable(zh: str, en: str) -> Fault:
    return Fault("xml_unreadable", f"报文不是可读的 XML（{zh}）", f"the message is no XML that can be read ({en})")
