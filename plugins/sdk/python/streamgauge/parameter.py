"""Named, typed constants: the parameters of an aggregate and the options of a sink."""

import dataclasses
import math

from .stored import EventTime, Timestamp, annotations_of, words_of
from .told import Mistake, shown

#: What SQL calls the types of columns, parameters and results.
_SQL_TYPES = {bool: "boolean", int: "int64", float: "float64", Timestamp: "timestamp", str: "text"}
_WORDS = {
    "boolean": "true or false", "int64": "a whole number", "float64": "a finite number", "timestamp": "a timestamp",
    "text": "a text",
}
_PYTHON = {"boolean": bool, "int64": int, "float64": (int, float), "timestamp": int, "text": str}
_REQUIRED = object()


#: What to write instead of types that other libraries would take.
_INSTEAD = {
    "datetime": "Timestamp", "date": "Timestamp", "Decimal": "float", "bytes": "str", "U8": "int", "U32": "int", "U64": "int", "I128": "int",
}


def sql_type(annotation, where):
    """The type of SQL that an annotation means; `where` is what is annotated, for messages."""
    if annotation is EventTime:
        raise Mistake(f"`{where}` is EventTime: it is the last argument of `add`, and has no other place")
    try:
        if annotation in _SQL_TYPES:
            return _SQL_TYPES[annotation]
    except TypeError:
        pass
    words = words_of(annotation)
    raise Mistake(f"`{where}` is {words}, which is no type of SQL: use {_INSTEAD.get(words, 'bool, int, float, str or Timestamp')}")


@dataclasses.dataclass
class Field:
    """A constant of a call, or of a sink's WITH."""

    docs: str
    default: object
    within: tuple | None
    above: float | None
    name: str = ""
    data_type: str = ""

    @property
    def is_required(self):
        return self.default is _REQUIRED

    def checked(self, value):
        """The value, if it is one that the field takes."""
        fits = isinstance(value, _PYTHON[self.data_type]) and (self.data_type == "boolean" or not isinstance(value, bool))
        if fits and self.data_type == "float64":
            value = float(value)
            fits = math.isfinite(value)
        if fits and self.within is not None:
            fits = self.within[0] <= value <= self.within[1]
        if fits and self.above is not None:
            fits = value > self.above
        if not fits:
            raise ValueError(f"`{self.name}` must be {self.words()}")
        return value

    def words(self):
        number = "a whole number" if self.data_type == "int64" else "a number"
        if self.within is not None:
            return f"{number} from {plain(self.within[0])} to {plain(self.within[1])}"
        if self.above is not None:
            return f"{number} above {plain(self.above)}"
        return _WORDS[self.data_type]


def plain(number):
    """A bound in a message: 1e300 and not its 301 digits, 1000000 and not 1000000.0."""
    if isinstance(number, int) or (float(number).is_integer() and abs(number) < 1e16):
        return str(int(number))
    return str(number).replace("e+", "e")


def parameter(docs, default=_REQUIRED, *, within=None, above=None):
    """A parameter of a call: what it is for, its value where a call gives none, and the numbers that it may be."""
    return Field(docs, default, within, above)


#: An option of a sink's WITH.
option = parameter


def fields_of(cls):
    """The parameters of a class, in the order in which they stand there."""
    found = []
    # A list: from Python 3.14 on a class has its annotations only when they are asked for.
    for name, field in list(vars(cls).items()):
        if isinstance(field, Field):
            hints, where = annotations_of(cls, cls.__name__), f"{cls.__name__}.{name}"
            if name not in hints:
                raise Mistake(f"`{where}` needs an annotation, such as `{name}: float = parameter(...)`")
            made = dataclasses.replace(field, name=name, data_type=sql_type(hints[name], where))
            _check(made, where)
            found.append(made)
    return found


def _check(field, where):
    """Whether a parameter is one that calls can give."""
    number = field.data_type in ("int64", "float64", "timestamp")
    is_number = lambda bound: isinstance(bound, (int, float)) and not isinstance(bound, bool)
    if field.within is not None:
        pair = isinstance(field.within, (tuple, list)) and len(field.within) == 2 and all(map(is_number, field.within))
        if not pair or not number:
            raise Mistake(f"`{where}`: `within` is the least and the greatest number, such as (0.0, 1e6), and got {shown(field.within)}")
    if field.above is not None and not (is_number(field.above) and number):
        raise Mistake(f"`{where}`: `above` is a number that all values are greater than, and got {shown(field.above)}")
    if not isinstance(field.docs, str):
        raise Mistake(f"`{where}`: what it is for comes first, as a text, and got {shown(field.docs)}")
    if not field.is_required:
        try:
            field.checked(field.default)
        except ValueError as error:
            raise Mistake(f"`{where}`: {error}, and its default is {shown(field.default)}") from None
