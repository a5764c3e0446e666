"""States and their bytes: little-endian, the same form as in the kit for Rust, every length checked when they are read.

| annotation | bytes |
|---|---|
| `bool`, `U8` | 1 |
| `U32` | 4 |
| `int`, `Timestamp`, `U64` | 8; `int` is signed |
| `I128` | 16 |
| `float` | 8, every bit of the number |
| `tuple[A, B]`, a class of `@state` | their parts, one behind the other |
| `T | None` | 1, and those of the value where there is one |
| `list[T]`, `str`, `dict[K, V]` | the number of items (of a text: of its bytes), seven bits a byte, and the items; those of a dict by their keys |

Whole numbers that do not fit are cut to their lowest bits, as in the kit for Rust.
"""

import dataclasses
import operator
import struct
import types
import typing


class Corrupt(Exception):
    """Bytes that no state has."""


U8 = typing.Annotated[int, "u8"]
U32 = typing.Annotated[int, "u32"]
U64 = typing.Annotated[int, "u64"]
I128 = typing.Annotated[int, "i128"]


class Timestamp(int):
    """A point in time: microseconds since 1970-01-01T00:00:00Z."""


class EventTime(Timestamp):
    """The event time of a row, which is never NULL."""


class Reader:
    """Takes a state's bytes from the front."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, count):
        start, self.at = self.at, self.at + count
        if self.at > len(self.data):
            raise Corrupt("too short")
        return self.data[start : self.at]

    def count(self):
        value = 0
        for shift in range(0, 64, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if value >> 64:
                break
            if byte < 0x80:
                return value
        raise Corrupt("a number is too long")

    def finish(self):
        if self.at < len(self.data):
            raise Corrupt(f"{len(self.data) - self.at} bytes too many")


def write_count(out, value):
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


class Number:
    """A number of fixed width."""

    def __init__(self, code, zero):
        self.packer = struct.Struct("<" + code)
        self.size = self.packer.size
        self.code = code
        self.zero = zero

    def default(self):
        return self.zero

    def write(self, out, value):
        try:
            out += self.packer.pack(value)
        except struct.error:
            out += self.packer.pack(self.cut(value))

    def cut(self, value):
        bits = 8 * self.size
        value = operator.index(value) & (1 << bits) - 1
        return value - (1 << bits) if self.code == "q" and value >> bits - 1 else value

    def read(self, reader):
        return self.packer.unpack(reader.take(self.size))[0]


class Wide:
    """A whole number of 16 bytes."""

    size = 16

    def default(self):
        return 0

    def write(self, out, value):
        out += (operator.index(value) & (1 << 128) - 1).to_bytes(16, "little")

    def read(self, reader):
        return int.from_bytes(reader.take(16), "little", signed=True)


class Flag:
    """True or false."""

    size = 1

    def default(self):
        return False

    def write(self, out, value):
        out.append(1 if value else 0)

    def read(self, reader):
        byte = reader.take(1)[0]
        if byte > 1:
            raise Corrupt("neither true nor false")
        return byte == 1


class Text:
    """UTF-8."""

    size = None

    def default(self):
        return ""

    def write(self, out, value):
        data = value.encode()
        write_count(out, len(data))
        out += data

    def read(self, reader):
        try:
            return bytes(reader.take(reader.count())).decode()
        except UnicodeDecodeError:
            raise Corrupt("a text is not UTF-8") from None


class Maybe:
    """A value or None."""

    def __init__(self, part):
        self.part = part
        self.size = None if part.size is None else 1 + part.size

    def default(self):
        return None

    def write(self, out, value):
        out.append(0 if value is None else 1)
        if value is not None:
            self.part.write(out, value)

    def read(self, reader):
        return self.part.read(reader) if Flag().read(reader) else None


class Parts:
    """Values one behind the other: a tuple, or the fields of a class."""

    def __init__(self, parts, names=None, make=None):
        self.parts = parts
        self.names = names
        self.make = make or (lambda *values: values)
        sizes = [part.size for part in parts]
        self.size = None if None in sizes else sum(sizes)
        self.packer = None
        self.values = None if names is None else [operator.attrgetter(name) for name in names]
        if parts and all(isinstance(part, Number) for part in parts):
            # Numbers alone are packed and unpacked in one call.
            self.packer = struct.Struct("<" + "".join(part.code for part in parts))

    def default(self):
        return self.make(*[part.default() for part in self.parts])

    def write(self, out, value):
        values = value if self.values is None else [of(value) for of in self.values]
        if self.packer is not None:
            try:
                out += self.packer.pack(*values)
                return
            except struct.error:
                pass
        for part, item in zip(self.parts, values, strict=True):
            part.write(out, item)

    def read(self, reader):
        if self.packer is not None:
            return self.make(*self.packer.unpack(reader.take(self.size)))
        return self.make(*[part.read(reader) for part in self.parts])


class Items:
    """A list."""

    size = None

    def __init__(self, part):
        self.part = part

    def default(self):
        return []

    def write(self, out, value):
        write_count(out, len(value))
        if isinstance(self.part, Number):
            try:
                out += struct.pack(f"<{len(value)}{self.part.code}", *value)
                return
            except struct.error:
                pass
        for item in value:
            self.part.write(out, item)

    def read(self, reader):
        count = reader.count()
        if isinstance(self.part, Number):
            return list(struct.unpack(f"<{count}{self.part.code}", reader.take(count * self.part.size)))
        # Nothing is allocated in advance: a wrong length must not ask for memory.
        return [self.part.read(reader) for _ in range(count)]


class Table:
    """A dict. The bytes have it in the order of its keys."""

    size = None

    def __init__(self, key, value):
        self.key = key
        self.value = value

    def default(self):
        return {}

    def write(self, out, value):
        write_count(out, len(value))
        for key in sorted(value):
            self.key.write(out, key)
            self.value.write(out, value[key])

    def read(self, reader):
        table = {}
        last = None
        for _ in range(reader.count()):
            key = self.key.read(reader)
            if last is not None and key <= last:
                raise Corrupt("keys are not in their order")
            table[key] = self.value.read(reader)
            last = key
        return table


_NUMBERS = {"u8": Number("B", 0), "u32": Number("I", 0), "u64": Number("Q", 0), "i128": Wide()}
_TYPES = {bool: Flag(), int: Number("q", 0), float: Number("d", 0.0), str: Text(), Timestamp: Number("q", 0)}
ANNOTATIONS = "bool, int, float, str, Timestamp, U8, U32, U64, I128, tuple, list, dict, `T | None` and classes of @state"


def stored(annotation):
    """How values of an annotation become bytes."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated and arguments[1] in _NUMBERS:
        return _NUMBERS[arguments[1]]
    if origin is tuple and Ellipsis not in arguments:
        return Parts([stored(part) for part in arguments])
    if origin is list:
        return Items(stored(arguments[0]))
    if origin is dict and arguments[0] is not float:
        return Table(stored(arguments[0]), stored(arguments[1]))
    if origin in (typing.Union, types.UnionType) and len(arguments) == 2 and types.NoneType in arguments:
        (part,) = (part for part in arguments if part is not types.NoneType)
        return Maybe(stored(part))
    if isinstance(annotation, type):
        if annotation in _TYPES:
            return _TYPES[annotation]
        if hasattr(annotation, "stored_as"):
            return annotation.stored_as
    raise TypeError(f"{annotation!r} has no place in a state: use {ANNOTATIONS}")


def state(cls):
    """Makes a state of a class of annotated fields. A field without a default begins as 0, "", False, None, [] or {}."""
    hints = typing.get_type_hints(cls, include_extras=True)
    parts = [stored(hint) for hint in hints.values()]
    for name, part in zip(hints, parts):
        if name not in vars(cls):
            fresh = isinstance(part, (Items, Table)) or hasattr(part.default(), "__dataclass_fields__")
            setattr(cls, name, dataclasses.field(default_factory=part.default) if fresh else part.default())
    made = dataclasses.dataclass(slots=True)(cls)
    made.stored_as = Parts(parts, names=list(hints), make=made)
    return made


def to_bytes(part, value):
    """The bytes of one state."""
    out = bytearray()
    part.write(out, value)
    return bytes(out)


def from_bytes(part, data):
    """The state of bytes, all of which it takes."""
    reader = Reader(data)
    value = part.read(reader)
    reader.finish()
    return value
