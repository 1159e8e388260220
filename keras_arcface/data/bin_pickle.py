"""A reader of pickles that executes nothing and keeps places, not bytes.

`pickle.load` runs what a file tells it to, and a restricted `find_class` still
leaves it to the file how much memory is taken. This is a machine of its own
with the opcodes that lists of byte strings need. Every other opcode is refused
by name. A string is noted as a place in the file, so that a set of any size is
read in the memory of its list, and a claimed length buys nothing.
"""

import os
import pickletools
from typing import BinaryIO

from keras_arcface.data.bin_source import Source
from keras_arcface.data.bin_source import as_integer
from keras_arcface.data.bin_values import ALLOWED
from keras_arcface.data.bin_values import Refused
from keras_arcface.data.bin_values import build
from keras_arcface.data.bin_values import call
from keras_arcface.data.bin_values import known_name
from keras_arcface.data.bin_values import short_text

# Numpy arrays in protocol 2 take about 20 opcodes a picture, bytes take 2: room
# for 100,000 pairs of the one and a million of the other. It bounds time and
# memory for whatever a file says: no opcode makes more than one object.
MAX_OPCODES = 2**22
_NAMES = {ord(op.code): op.name for op in pickletools.opcodes}
_PERSISTENT = ("PERSID", "BINPERSID")


def read_pickle(path: str | os.PathLike) -> object:
    """Returns what a pickle holds, with spans of the file for its strings.

    Returns:
        Lists, tuples, booleans, integers, `None`, and of `bin_values` `Span`,
        `Array` and what else those need.

    Raises:
        ValueError: naming the file and the byte, when it is no pickle, is cut
            short, or holds anything else. Nothing was executed then either.
    """
    with open(path, "rb") as file:
        machine = _Machine(file)
        try:
            return machine.run()
        except Refused as error:
            raise ValueError(
                f"{path}, byte {machine.position}: the pickle {error}. A .bin "
                f"set may hold {ALLOWED}. Nothing in it was executed; do not "
                "open it by other means unless you trust its source."
            ) from error


class _Machine:
    """The stack, the marks and the memo of one pickle."""

    def __init__(self, file: BinaryIO):
        self.source = Source(file)
        self.position = 0
        self.stack, self.marked, self.memo = [], [], {}

    def run(self) -> object:
        for _ in range(MAX_OPCODES):
            self.position = self.source.file.tell()
            code = self.source.take(1)[0]
            if code == _STOP:
                return self._pop()
            step = _STEPS.get(code)
            if step is None:
                self._refuse_opcode(code)
            step(self)
        raise Refused(f"has more than {MAX_OPCODES:,} opcodes")

    def _refuse_opcode(self, code: int) -> None:
        name = _NAMES.get(code)
        if name is None:
            raise Refused(f"has no opcode {code:#04x} (it is no pickle)")
        if name in _PERSISTENT:
            raise Refused(f"refers to a persistent id (opcode {name})")
        raise Refused(f"holds something else (opcode {name})")

    def _pop(self) -> object:
        if not self.stack:
            raise Refused("takes a value that is not there")
        return self.stack.pop()

    def _top(self) -> object:
        if not self.stack:
            raise Refused("takes a value that is not there")
        return self.stack[-1]

    def _since_mark(self) -> list:
        if not self.marked:
            raise Refused("goes back to a mark that is not there")
        values, self.stack = self.stack, self.marked.pop()
        return values

    # === Strings and numbers ===

    def string(self, kind: str, length_format: str) -> None:
        self.stack.append(self.source.span(kind, length_format))

    def string_line(self, kind: str) -> None:
        self.stack.append(self.source.span_of_line(kind))

    def number(self, number_format: str) -> None:
        self.stack.append(self.source.number(number_format))

    def number_line(self) -> None:
        line = self.source.line()
        truth = {b"00": False, b"01": True}.get(line)
        self.stack.append(as_integer(line) if truth is None else truth)

    def long_line(self) -> None:
        self.stack.append(as_integer(self.source.line()))

    def long(self) -> None:
        count = self.source.take(1)[0]
        if count > 8:
            raise Refused(f"has a number of {count} bytes")
        data = self.source.take(count)
        self.stack.append(int.from_bytes(data, "little", signed=True))

    # === Lists and tuples ===

    def mark(self) -> None:
        self.marked.append(self.stack)
        self.stack = []

    def pop(self) -> None:
        if not self.stack and self.marked:
            self._since_mark()
        else:
            self._pop()

    def pop_mark(self) -> None:
        self._since_mark()

    def duplicate(self) -> None:
        self.stack.append(self._top())

    def new_list(self) -> None:
        self.stack.append([])

    def list_since_mark(self) -> None:
        values = self._since_mark()
        self.stack.append(values)

    def append(self) -> None:
        value = self._pop()
        self._list().append(value)

    def extend(self) -> None:
        values = self._since_mark()
        self._list().extend(values)

    def _list(self) -> list:
        if not isinstance(self._top(), list):
            raise Refused("appends to something that is no list")
        return self._top()

    def tuple_since_mark(self) -> None:
        values = self._since_mark()
        self.stack.append(tuple(values))

    def tuple_of(self, count: int) -> None:
        values = [self._pop() for _ in range(count)]
        self.stack.append(tuple(reversed(values)))

    # === Memo ===

    def put(self, number_format: str | None) -> None:
        self.memo[self._memo_number(number_format)] = self._top()

    def memoize(self) -> None:
        self.memo[len(self.memo)] = self._top()

    def get(self, number_format: str | None) -> None:
        number = self._memo_number(number_format)
        if number not in self.memo:
            raise Refused(f"recalls value {number}, which it never stored")
        self.stack.append(self.memo[number])

    def _memo_number(self, number_format: str | None) -> int:
        if number_format is None:
            return as_integer(self.source.line())
        return self.source.number(number_format)

    # === Names and calls, none of which are made ===

    def name_lines(self) -> None:
        module, name = self.source.line(), self.source.line()
        self.stack.append(
            known_name(module.decode("latin-1"), name.decode("latin-1"))
        )

    def name_on_stack(self) -> None:
        name = short_text(self._pop(), self.source.read)
        module = short_text(self._pop(), self.source.read)
        self.stack.append(known_name(module, name))

    def reduce(self) -> None:
        arguments = self._pop()
        self.stack.append(call(self._pop(), arguments, self.source.read))

    def set_state(self) -> None:
        state = self._pop()
        build(self._top(), state)

    # === Frame ===

    def skip(self, count: int) -> None:
        self.source.take(count)

    def push(self, value: object) -> None:
        self.stack.append(value)


def _step(method, *arguments):
    return lambda machine: method(machine, *arguments)


_M = _Machine
_OPCODES = {
    "PROTO": _step(_M.skip, 1),
    "FRAME": _step(_M.skip, 8),
    "NONE": _step(_M.push, None),
    "NEWTRUE": _step(_M.push, True),
    "NEWFALSE": _step(_M.push, False),
    "INT": _M.number_line,
    "LONG": _M.long_line,
    "BININT": _step(_M.number, "<i"),
    "BININT1": _step(_M.number, "<B"),
    "BININT2": _step(_M.number, "<H"),
    "LONG1": _M.long,
    "STRING": _step(_M.string_line, "quoted"),
    "BINSTRING": _step(_M.string, "bytes", "<i"),
    "SHORT_BINSTRING": _step(_M.string, "bytes", "<B"),
    "BINBYTES": _step(_M.string, "bytes", "<I"),
    "SHORT_BINBYTES": _step(_M.string, "bytes", "<B"),
    "BINBYTES8": _step(_M.string, "bytes", "<Q"),
    "BYTEARRAY8": _step(_M.string, "bytes", "<Q"),
    "UNICODE": _step(_M.string_line, "text line"),
    "BINUNICODE": _step(_M.string, "text", "<I"),
    "SHORT_BINUNICODE": _step(_M.string, "text", "<B"),
    "BINUNICODE8": _step(_M.string, "text", "<Q"),
    "EMPTY_LIST": _M.new_list,
    "LIST": _M.list_since_mark,
    "APPEND": _M.append,
    "APPENDS": _M.extend,
    "EMPTY_TUPLE": _step(_M.tuple_of, 0),
    "TUPLE": _M.tuple_since_mark,
    "TUPLE1": _step(_M.tuple_of, 1),
    "TUPLE2": _step(_M.tuple_of, 2),
    "TUPLE3": _step(_M.tuple_of, 3),
    "MARK": _M.mark,
    "POP": _M.pop,
    "POP_MARK": _M.pop_mark,
    "DUP": _M.duplicate,
    "PUT": _step(_M.put, None),
    "BINPUT": _step(_M.put, "<B"),
    "LONG_BINPUT": _step(_M.put, "<I"),
    "MEMOIZE": _M.memoize,
    "GET": _step(_M.get, None),
    "BINGET": _step(_M.get, "<B"),
    "LONG_BINGET": _step(_M.get, "<I"),
    "GLOBAL": _M.name_lines,
    "STACK_GLOBAL": _M.name_on_stack,
    "REDUCE": _M.reduce,
    "BUILD": _M.set_state,
}
_STEPS = {
    code: _OPCODES[name] for code, name in _NAMES.items() if name in _OPCODES
}
_STOP = ord(".")
