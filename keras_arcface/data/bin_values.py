"""What a .bin set may hold, as places in its file and never as live objects.

Old pickles spell a byte string as a call (`_codecs.encode(text, "latin1")`) and
a numpy array as three. Such calls are recognised here and answered with a note
of where the bytes lie. No function that a file names is ever looked up.
"""

import codecs
import dataclasses

ALLOWED = (
    "bytes, numpy uint8 arrays, booleans, lists and tuples, and nothing else"
)
# Names and codecs are short; a longer one is no name that we know.
_LONGEST_NAME = 128
_CORES = ("numpy.core.", "numpy._core.")
_ENCODE = "_codecs.encode"
_DTYPE = "numpy.dtype"
_ARRAY_CLASS = "numpy.ndarray"
_RECONSTRUCT = tuple(core + "multiarray._reconstruct" for core in _CORES)
_SCALAR = tuple(core + "multiarray.scalar" for core in _CORES)
_FROM_BUFFER = tuple(core + "numeric._frombuffer" for core in _CORES)
_NAMES = {
    _ENCODE,
    _DTYPE,
    _ARRAY_CLASS,
    *_RECONSTRUCT,
    *_SCALAR,
    *_FROM_BUFFER,
}
_TYPES = {"u1": "uint8", "|u1": "uint8", "b1": "bool", "|b1": "bool"}
_TEXT = ("text", "text line")


class Refused(ValueError):
    """Something that a .bin set may not hold, in words."""


@dataclasses.dataclass(slots=True, eq=False)
class Span:
    """A string in the file: what spelling, from which byte, how many bytes.

    `kind` is "bytes" (as they are), "quoted" (a line with quotes and escapes,
    protocol 0), "text" (UTF-8), "text line" (escapes, protocol 0), or one of
    the two texts followed by " as bytes": latin1 that stands for bytes.
    """

    kind: str
    start: int
    length: int

    @property
    def is_text(self) -> bool:
        return self.kind in _TEXT

    def decode(self, raw: bytes) -> bytes:
        """Returns the bytes that the `length` bytes of the file stand for."""
        try:
            if self.kind == "bytes":
                return raw
            if self.kind == "quoted":
                return _unquoted(raw)
            codec = "raw-unicode-escape" if "line" in self.kind else "utf-8"
            return raw.decode(codec).encode("latin-1")
        except ValueError as error:  # Unicode's errors are such, too.
            raise Refused(f"holds a string that is damaged: {error}") from error


@dataclasses.dataclass(frozen=True, slots=True)
class Name:
    """One of the few names of functions and classes that are known here."""

    text: str


@dataclasses.dataclass(slots=True)
class ElementType:
    """numpy.dtype("uint8") or numpy.dtype("bool")."""

    name: str


@dataclasses.dataclass(slots=True)
class Array:
    """A numpy array (n,) whose bytes are a span; `data` is None until built."""

    type: str | None = None
    count: int = 0
    data: Span | None = None


def _unquoted(raw: bytes) -> bytes:
    if len(raw) < 2 or raw[0] != raw[-1] or raw[:1] not in (b"'", b'"'):
        raise Refused("holds a string without its quotes")
    return codecs.escape_decode(raw[1:-1])[0]


def known_name(module: str, name: str) -> Name:
    """Returns the name, or refuses it: it is never looked up."""
    text = f"{module}.{name}"
    if text not in _NAMES:
        raise Refused(f"asks for {text[:_LONGEST_NAME]!r}")
    return Name(text)


def call(function: object, arguments: object, read) -> object:
    """Returns what a call in the file stands for, without making it.

    Args:
        function: A `Name`.
        arguments: A tuple of values.
        read: Span -> the bytes that it stands for.
    """
    if not isinstance(function, Name) or not isinstance(arguments, tuple):
        raise Refused(f"calls {describe(function)}")
    name = function.text
    if name == _ENCODE:
        return _encode(*_exactly(arguments, 2, name), read)
    if name == _DTYPE:
        return _element_type(arguments, read)
    if name in _RECONSTRUCT:
        kind, _, _ = _exactly(arguments, 3, name)
        if kind != Name(_ARRAY_CLASS):
            raise Refused(f"makes an array of {describe(kind)}")
        return Array()
    if name in _SCALAR:
        return _scalar(*_exactly(arguments, 2, name), read)
    if name in _FROM_BUFFER:
        data, kind, shape, _ = _exactly(arguments, 4, name)
        array = Array()
        _fill(array, kind, shape, data)
        return array
    raise Refused(f"calls {name!r}")


def build(value: object, state: object) -> None:
    """Fills an array or checks an element type, as its state in the file says.

    Raises:
        Refused: for whatever else has a state.
    """
    if isinstance(value, ElementType) and isinstance(state, tuple):
        # (version, byte order, sub-array, names, fields, size, align, flags)
        if len(state) != 8 or state[2:5] != (None, None, None):
            raise Refused("holds a numpy dtype with fields")
    elif isinstance(value, Array) and isinstance(state, tuple):
        _, shape, kind, _, data = _exactly(state, 5, "the state of an array")
        _fill(value, kind, shape, data)
    else:
        raise Refused(f"sets the state of {describe(value)}")


def short_text(value: object, read) -> str:
    """Returns a span as a short string, for names."""
    if not isinstance(value, Span) or value.length > _LONGEST_NAME:
        raise Refused(f"uses {describe(value)} for a name")
    return read(value).decode("latin-1")


def describe(value: object) -> str:
    """Returns a few words that say what a value is, in bounded length."""
    if isinstance(value, Name):
        return repr(value.text)
    if isinstance(value, Array):
        return f"a numpy array of {value.type or 'nothing'}"
    if isinstance(value, ElementType):
        return "a numpy dtype"
    if isinstance(value, Span):
        what = "text" if value.is_text else "bytes"
        return f"{value.length} bytes of text" if what == "text" else what
    return f"a {type(value).__name__}"


def _exactly(values: tuple, count: int, name: str) -> tuple:
    if len(values) != count:
        raise Refused(
            f"gives {name!r} {len(values)} values, where {count} belong"
        )
    return values


def _encode(text: object, codec: object, read) -> Span:
    name = short_text(codec, read)
    if name not in ("latin1", "latin-1"):
        raise Refused(f"calls {_ENCODE!r} with the codec {name!r}")
    if not isinstance(text, Span) or not text.is_text:
        raise Refused(f"calls {_ENCODE!r} on {describe(text)}")
    return Span(text.kind + " as bytes", text.start, text.length)


def _element_type(arguments: tuple, read) -> ElementType:
    code = short_text(_exactly(arguments, 3, _DTYPE)[0], read)
    if code not in _TYPES:
        raise Refused(f"holds a numpy array or scalar of the dtype {code!r}")
    return ElementType(_TYPES[code])


def _scalar(kind: object, data: object, read) -> bool:
    if not isinstance(kind, ElementType) or kind.name != "bool":
        raise Refused("holds a numpy scalar that is no bool")
    if not _is_bytes(data) or data.length > 8:
        raise Refused("holds a numpy scalar without its byte")
    raw = read(data)
    if raw not in (b"\0", b"\1"):
        raise Refused(f"holds a numpy bool of the value {raw!r}")
    return raw == b"\1"


def _fill(array: Array, kind: object, shape: object, data: object) -> None:
    if array.data is not None:
        raise Refused("builds one numpy array twice")
    if not isinstance(kind, ElementType):
        raise Refused(f"makes an array of {describe(kind)}")
    one = isinstance(shape, tuple) and len(shape) == 1
    if not one or type(shape[0]) is not int or shape[0] < 0:
        raise Refused(
            "holds a numpy array that is not one-dimensional; its pictures "
            "must be encoded files (JPEG, PNG), not pixels"
        )
    if not _is_bytes(data):
        raise Refused(f"fills an array with {describe(data)}")
    array.type, array.count, array.data = kind.name, shape[0], data


def _is_bytes(value: object) -> bool:
    return isinstance(value, Span) and not value.is_text
