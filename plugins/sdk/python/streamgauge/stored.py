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

Whole numbers that do not fit are cut to their lowest bits, as in the kit for Rust. Values of other types are an error that names their
field.
"""

import dataclasses
import itertools
import operator
import struct
import types
import typing

from .told import Mistake, shown


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


#: A table up to this size is looked at as a whole after each batch of rows.
_WHOLE_MAX = 64


def _is_whole(value):
    try:
        operator.index(value)
    except TypeError:
        return False
    return True


def _require(fits, part, value, where):
    if not fits:
        raise Mistake(f"`{where}` is {part.words} and got {shown(value)}")


class Number:
    """A number of fixed width."""

    def __init__(self, code, zero, words):
        self.packer = struct.Struct("<" + code)
        self.size = self.packer.size
        self.code = code
        self.zero = zero
        self.words = words

    def default(self):
        return self.zero

    def check(self, value, where, recent=None):
        try:
            self.packer.pack(value)
        except (struct.error, OverflowError):
            _require(self.code != "d" and _is_whole(value), self, value, where)

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
    words = "I128"

    def default(self):
        return 0

    def check(self, value, where, recent=None):
        _require(_is_whole(value), self, value, where)

    def write(self, out, value):
        out += (operator.index(value) & (1 << 128) - 1).to_bytes(16, "little")

    def read(self, reader):
        return int.from_bytes(reader.take(16), "little", signed=True)


class Flag:
    """True or false."""

    size = 1
    words = "bool"

    def default(self):
        return False

    def check(self, value, where, recent=None):
        _require(isinstance(value, bool), self, value, where)

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
    words = "str"

    def default(self):
        return ""

    def check(self, value, where, recent=None):
        _require(isinstance(value, str), self, value, where)
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Mistake(f"`{where}` is a text with half of a surrogate pair, which is no UTF-8: {shown(value)}") from None

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
        self.words = f"{part.words} | None"

    def default(self):
        return None

    def check(self, value, where, recent=None):
        if value is not None:
            self.part.check(value, where, recent)

    def write(self, out, value):
        out.append(0 if value is None else 1)
        if value is not None:
            self.part.write(out, value)

    def read(self, reader):
        return self.part.read(reader) if Flag().read(reader) else None


def _fields(names):
    if len(names) > 1:
        return operator.attrgetter(*names)
    return lambda value: tuple(getattr(value, name) for name in names)


class Parts:
    """Values one behind the other: a tuple, or the fields of a class."""

    def __init__(self, parts, names=None, make=None):
        self.parts = parts
        self.names = names
        self.make = make or (lambda *values: values)
        self.words = make.__name__ if names is not None else f"tuple[{', '.join(part.words for part in parts)}]"
        sizes = [part.size for part in parts]
        self.size = None if None in sizes else sum(sizes)
        self.packer = None
        # The fields of a class in one call.
        self.values = None if names is None else _fields(names)
        if parts and all(isinstance(part, Number) for part in parts):
            # Numbers alone are packed and unpacked in one call.
            self.packer = struct.Struct("<" + "".join(part.code for part in parts))

    def default(self):
        return self.make(*[part.default() for part in self.parts])

    def check(self, value, where=None, recent=None):
        """Whether a value can be stored; else an error that names the field. With `recent` only so many items at the end of each long
        list or dict are looked at."""
        if self.names is None:
            _require(isinstance(value, tuple) and len(value) == len(self.parts), self, value, where)
            values = value
        else:
            _require(isinstance(value, self.make), self, value, where)
            values = self.values(value)
        if self.packer is not None:
            try:
                self.packer.pack(*values)
                return
            except (struct.error, OverflowError):
                pass
        for place, (part, item) in enumerate(zip(self.parts, values)):
            part.check(item, f"{where}[{place}]" if self.names is None else f"{self.words}.{self.names[place]}", recent)

    def write(self, out, value):
        values = value if self.values is None else self.values(value)
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
        self.words = f"list[{part.words}]"

    def default(self):
        return []

    def check(self, value, where, recent=None):
        _require(isinstance(value, list), self, value, where)
        first = 0 if recent is None else max(0, len(value) - recent)
        items = value[first:] if first else value
        if isinstance(self.part, Number):
            try:
                struct.pack(f"<{len(items)}{self.part.code}", *items)
                return
            except (struct.error, OverflowError):
                pass
        for place, item in enumerate(items, first):
            self.part.check(item, f"{where}[{place}]", recent)

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
        self.words = f"dict[{key.words}, {value.words}]"

    def default(self):
        return {}

    def check(self, value, where, recent=None):
        _require(isinstance(value, dict), self, value, where)
        keys = value if recent is None or len(value) <= _WHOLE_MAX else itertools.islice(reversed(value), recent)
        for key in keys:
            self.key.check(key, f"a key of {where}")
            self.value.check(value[key], f"{where}[{key!r}]", recent)

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


_NUMBERS = {"u8": Number("B", 0, "U8"), "u32": Number("I", 0, "U32"), "u64": Number("Q", 0, "U64"), "i128": Wide()}
_TYPES = {
    bool: Flag(), int: Number("q", 0, "int"), float: Number("d", 0.0, "float"), str: Text(), Timestamp: Number("q", 0, "Timestamp"),
}
ANNOTATIONS = "bool, int, float, str, Timestamp, U8, U32, U64, I128, tuple, list, dict, `T | None` and classes of @state"
#: What to write instead of what has no place in a state.
_INSTEAD = {
    list: "list[float]", tuple: "tuple[float, int]", dict: "dict[str, float]", set: "list[float] or dict[str, bool]",
    frozenset: "list[float] or dict[str, bool]", bytes: "str", complex: "tuple[float, float]",
}
_ANNOTATED = {bool: "bool", int: "int", float: "float", str: "str"}


def words_of(annotation):
    """An annotation as an author writes it."""
    if typing.get_origin(annotation) is typing.Annotated:
        return typing.get_args(annotation)[1].upper()
    return annotation.__name__ if isinstance(annotation, type) and not typing.get_args(annotation) else str(annotation)


def _instead(annotation):
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (set, frozenset) and arguments and arguments[0] in (str, int, bool):
        return f"use dict[{words_of(arguments[0])}, bool]"
    if origin in (set, frozenset) and arguments:
        return f"use list[{words_of(arguments[0])}]"
    if origin is tuple and Ellipsis in arguments:
        return f"use list[{words_of(arguments[0])}]"
    if origin is dict:
        return "keys are texts, whole numbers, times or booleans: dict[str, float]"
    if annotation in _INSTEAD:
        return f"use {_INSTEAD[annotation]}"
    if isinstance(annotation, type) and annotation.__module__ not in ("builtins", "datetime", "decimal", "typing"):
        return f"write @state above `class {annotation.__name__}`"
    return f"use {ANNOTATIONS}"


def stored(annotation, where=None):
    """How values of an annotation become bytes; `where` is the field, for messages."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated and arguments[1] in _NUMBERS:
        return _NUMBERS[arguments[1]]
    if origin is tuple and Ellipsis not in arguments:
        return Parts([stored(part, where) for part in arguments])
    if origin is list:
        return Items(stored(arguments[0], where))
    if origin is dict and arguments[0] is not float:
        return Table(stored(arguments[0], where), stored(arguments[1], where))
    if origin in (typing.Union, types.UnionType) and len(arguments) == 2 and types.NoneType in arguments:
        (part,) = (part for part in arguments if part is not types.NoneType)
        return Maybe(stored(part, where))
    if isinstance(annotation, type) and origin is None:
        if annotation in _TYPES:
            return _TYPES[annotation]
        if "stored_as" in vars(annotation):
            return annotation.stored_as
    place = "" if where is None else f"`{where}`: "
    raise Mistake(f"{place}{words_of(annotation)} has no place in a state: {_instead(annotation)}")


def annotations_of(of, where):
    """The annotations of a class or function; where one names what is not there, an error that says where."""
    try:
        return typing.get_type_hints(of, include_extras=True)
    except (NameError, AttributeError, TypeError, SyntaxError) as error:
        raise Mistake(f"`{where}`: an annotation cannot be read: {error}") from None


def _check_annotated(cls, hints):
    for name, value in vars(cls).items():
        is_more = callable(value) or isinstance(value, (property, staticmethod, classmethod)) or name.startswith("__")
        if name not in hints and not is_more:
            kind = _ANNOTATED.get(type(value)) or _INSTEAD.get(type(value), "float")
            raise Mistake(
                f"`{cls.__name__}.{name}` has no annotation, so it would not be kept: write `{name}: {kind.split(' or ')[0]}`, "
                "or `typing.ClassVar` for a constant"
            )


def _check_default(part, value, where):
    """A default that a class gives to a field."""
    if isinstance(value, (list, dict, set)):
        words = "without a default it begins empty" if not value else "each state needs one of its own"
        instead = f"{where.split('.')[1]}: {part.words}"
        if value:
            instead += f" = dataclasses.field(default_factory=lambda: {value!r})"
        raise Mistake(f"`{where}` has the default {value!r}, which all states would share; {words}: write `{instead}`")
    if isinstance(value, dataclasses.Field):
        value = value.default if value.default_factory is dataclasses.MISSING else value.default_factory()
    if value is dataclasses.MISSING:
        return
    part.check(value, where)


def state(cls):
    """Makes a state of a class of annotated fields. A field without a default begins as 0, "", False, None, [] or {}."""
    if not isinstance(cls, type):
        raise Mistake(f"@state stands above a class, and not above {shown(cls)}")
    hints = annotations_of(cls, cls.__name__)
    _check_annotated(cls, hints)
    hints = {name: hint for name, hint in hints.items() if typing.ClassVar not in (hint, typing.get_origin(hint))}
    parts = [stored(hint, f"{cls.__name__}.{name}") for name, hint in hints.items()]
    for name, part in zip(hints, parts):
        if name in vars(cls):
            _check_default(part, vars(cls)[name], f"{cls.__name__}.{name}")
        else:
            fresh = isinstance(part, (Items, Table)) or hasattr(part.default(), "__dataclass_fields__")
            setattr(cls, name, dataclasses.field(default_factory=part.default) if fresh else part.default())
    made = dataclasses.dataclass(slots=True)(cls)
    made.stored_as = Parts(parts, names=list(hints), make=made)
    return made


def to_bytes(part, value):
    """The bytes of one state."""
    out = bytearray()
    try:
        part.write(out, value)
    except Exception:
        # The packer's words name no field.
        part.check(value)
        raise
    return bytes(out)


def from_bytes(part, data):
    """The state of bytes, all of which it takes."""
    reader = Reader(data)
    value = part.read(reader)
    reader.finish()
    return value
