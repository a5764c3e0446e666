"""Named, typed constants: the parameters of an aggregate and the options of a sink."""

import dataclasses
import math
import typing

from .stored import EventTime, Timestamp

#: What SQL calls the types of columns, parameters and results.
_SQL_TYPES = {bool: "boolean", int: "int64", float: "float64", Timestamp: "timestamp", str: "text"}
_WORDS = {
    "boolean": "true or false", "int64": "a whole number", "float64": "a finite number", "timestamp": "a timestamp",
    "text": "a text",
}
_PYTHON = {"boolean": bool, "int64": int, "float64": (int, float), "timestamp": int, "text": str}
_REQUIRED = object()


def sql_type(annotation):
    """The type of SQL that an annotation means."""
    if annotation is EventTime:
        raise TypeError("EventTime is the last argument of `add`, and has no other place")
    if annotation not in _SQL_TYPES:
        raise TypeError(f"{annotation!r} is no type of SQL: use bool, int, float, str or Timestamp")
    return _SQL_TYPES[annotation]


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
            return f"{number} from {_plain(self.within[0])} to {_plain(self.within[1])}"
        if self.above is not None:
            return f"{number} above {_plain(self.above)}"
        return _WORDS[self.data_type]


def _plain(number):
    return str(int(number)) if float(number).is_integer() else str(number)


def parameter(docs, default=_REQUIRED, *, within=None, above=None):
    """A parameter of a call: what it is for, its value where a call gives none, and the numbers that it may be."""
    return Field(docs, default, within, above)


#: An option of a sink's WITH.
option = parameter


def fields_of(cls):
    """The parameters of a class, in the order in which they stand there."""
    hints = typing.get_type_hints(cls)
    found = []
    for name, field in vars(cls).items():
        if isinstance(field, Field):
            if name not in hints:
                raise TypeError(f"{cls.__name__}.{name} needs an annotation, such as `{name}: float = parameter(...)`")
            found.append(dataclasses.replace(field, name=name, data_type=sql_type(hints[name])))
    return found
