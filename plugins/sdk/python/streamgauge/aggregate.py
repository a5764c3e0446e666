"""An aggregate function: the type of a state, `add`, `merge` and `value`. Annotations say the rest."""

import inspect
import math
import types
import typing

from .parameter import Field, fields_of, sql_type
from .stored import EventTime, from_bytes, stored, to_bytes


class Signature:
    """One way to call a function, taken from the annotations of its class."""

    def __init__(self, aggregate):
        state, *rows = _annotations(aggregate, "add")
        self.aggregate = aggregate
        self.state = state
        self.stored = stored(state)
        self.needs_time = bool(rows) and rows[-1] is EventTime
        self.arguments = [sql_type(row) for row in (rows[:-1] if self.needs_time else rows)]
        self.fields = fields_of(aggregate)
        returns = typing.get_type_hints(aggregate.value).get("return")
        if typing.get_origin(returns) in (typing.Union, types.UnionType):
            (returns,) = (part for part in typing.get_args(returns) if part is not types.NoneType)
        self.returns = sql_type(returns)

    @property
    def types(self):
        """The types of the columns, that of the event time behind them."""
        return self.arguments + (["timestamp"] if self.needs_time else [])

    @property
    def state_size(self):
        """What a slot takes: its bytes, or what Python needs for its objects; None where it grows."""
        return None if self.stored.size is None else 64 + 4 * self.stored.size


class Aggregate:
    """An aggregate function. Rows of which an argument is NULL are left out, and a state without rows is its default."""

    #: What it calls itself; a program gives it a name of its own.
    name: str
    #: The version of the plugin.
    version = "0.1.0"
    #: The largest difference between two orders of merging, relative to the values; 0 = bit for bit. Sums of doubles need one.
    tolerance = 0.0
    #: The version of the bytes of a state. Another one whenever the type of the state, or what it means, changes.
    state_version = 1

    def __init__(self, **parameters):
        for field in fields_of(type(self)):
            setattr(self, field.name, field.checked(parameters.pop(field.name, field.default)))
        if parameters:
            raise ValueError(f"there is no parameter `{next(iter(parameters))}`")
        self.check()

    def check(self):
        """Looks at the parameters together. A ValueError says what to write instead."""

    def add(self, state, *row):
        """Adds one row."""
        raise NotImplementedError

    def merge(self, state, other):
        """Adds all rows of another state, which stays as it is."""
        raise NotImplementedError

    def value(self, state):
        """The result; None is NULL."""
        raise NotImplementedError


def _annotations(aggregate, method):
    """The annotations of a method's arguments, in order."""
    function = getattr(aggregate, method)
    hints = typing.get_type_hints(function, include_extras=True)
    names = list(inspect.signature(function).parameters)[1:]
    missing = [name for name in names if name not in hints]
    if missing or not names:
        what = f"`{missing[0]}`" if missing else "the state"
        raise TypeError(f"{aggregate.__name__}.{method}: {what} needs an annotation, from which the signature is made")
    return [hints[name] for name in names]


def fold(aggregate, rows, parts=1):
    """The value of rows, each a tuple of arguments: for tests. Rows with None are left out, as the host's NULL is.

    The rows go into so many states in turn, which are stored, restored and merged, as in windows of several slices.
    """
    signature = Signature(type(aggregate))
    states = [signature.state() for _ in range(parts)]
    for number, row in enumerate(rows):
        row = row if isinstance(row, tuple) else (row,)
        if None not in row:
            aggregate.add(states[number % parts], *row)
    first, *others = (from_bytes(signature.stored, to_bytes(signature.stored, state)) for state in states)
    for other in others:
        aggregate.merge(first, other)
    return aggregate.value(first)


def ln(x):
    """The natural logarithm, of every number: -inf of 0 and NaN below, where `math.log` raises an error."""
    if x > 0.0:
        return math.log(x)
    return -math.inf if x == 0.0 else math.nan


def exp(x):
    """e to the power of x, for every number: infinite where `math.exp` raises an error."""
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


__all__ = ["Aggregate", "Field", "Signature", "exp", "fold", "ln"]
