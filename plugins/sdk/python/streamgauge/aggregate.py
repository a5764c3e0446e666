"""An aggregate function: the type of a state, `add`, `merge` and `value`. Annotations say the rest."""

import inspect
import math
import types
import typing

from .parameter import Field, fields_of, sql_type
from .stored import EventTime, annotations_of, from_bytes, to_bytes, words_of
from .told import Mistake, shown


class Signature:
    """One way to call a function, taken from the annotations of its class."""

    def __init__(self, aggregate):
        name = aggregate.__name__
        state, *rows = _annotations(aggregate, "add")
        self.aggregate = aggregate
        if not (isinstance(state, type) and "stored_as" in vars(state)):
            raise Mistake(f"`{name}.add`: the state is {words_of(state)}, and has to be a class with @state above it")
        self.state = state
        self.stored = state.stored_as
        self._check_others()
        self.needs_time = bool(rows) and rows[-1][1] is EventTime
        columns = rows[:-1] if self.needs_time else rows
        self.arguments = [_column(aggregate, *row) for row in columns]
        self.fields = fields_of(aggregate)
        self.returns = sql_type(self._result(), f"{name}.value")
        if not isinstance(getattr(aggregate, "name", None), str):
            raise Mistake(f'`{name}` has no `name`: write `name = "{name.lower()}"` in it')
        if not isinstance(aggregate.state_version, int) or aggregate.state_version < 0:
            raise Mistake(f"`{name}.state_version` is a whole number and got {shown(aggregate.state_version)}")
        if not isinstance(aggregate.tolerance, (int, float)):
            raise Mistake(f"`{name}.tolerance` is a number and got {shown(aggregate.tolerance)}")

    def _check_others(self):
        """Whether `merge` and `value` take what they are called with."""
        name, state = self.aggregate.__name__, self.state.__name__
        for method, arguments, written in [
            ("merge", 2, f"def merge(self, state: {state}, other: {state})"),
            ("value", 1, f"def value(self, state: {state}) -> float | None"),
        ]:
            function = getattr(self.aggregate, method)
            if function is getattr(Aggregate, method):
                raise Mistake(f"`{name}` has no method `{method}`: write `{written}`")
            try:
                inspect.signature(function).bind(*[None] * (1 + arguments))
            except TypeError as error:
                raise Mistake(f"`{name}.{method}`: {error}; write `{written}`") from None

    def _result(self):
        """What `value` returns, apart from None."""
        where, state = f"{self.aggregate.__name__}.value", self.state.__name__
        hints = annotations_of(self.aggregate.value, where)
        if "return" not in hints:
            raise Mistake(f"`{where}` does not say the type of its result: write `def value(self, state: {state}) -> float | None`")
        returns = hints["return"]
        if typing.get_origin(returns) in (typing.Union, types.UnionType):
            parts = [part for part in typing.get_args(returns) if part is not types.NoneType]
            if len(parts) != 1:
                raise Mistake(f"`{where}` is {words_of(returns)}: a result has one type of SQL, or that type and None")
            return parts[0]
        return returns

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
        """Adds one row: changes `state`."""
        raise NotImplementedError

    def merge(self, state, other):
        """Adds all rows of another state: changes `state`, returns nothing and leaves `other` as it is, which is merged elsewhere, too."""
        raise NotImplementedError

    def value(self, state):
        """The result; None is NULL."""
        raise NotImplementedError


def _annotations(aggregate, method):
    """The annotation of the state, and names and annotations of the arguments behind it."""
    function, where = getattr(aggregate, method), f"{aggregate.__name__}.{method}"
    if function is getattr(Aggregate, method):
        raise Mistake(f"`{aggregate.__name__}` has no method `{method}`: write `def {method}(self, state: YourState, value: float)`")
    parameters = list(inspect.signature(function).parameters.values())[1:]
    if not parameters:
        raise Mistake(f"`{where}` has no arguments: write `def {method}(self, state: YourState, value: float)`")
    hints = annotations_of(function, where)
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.KEYWORD_ONLY):
            raise Mistake(f"`{where}`: `{parameter}` is no column: each column is an argument of its own, such as `value: float`")
        if parameter.name not in hints:
            kind = "YourState" if parameter is parameters[0] else "float"
            raise Mistake(f"`{where}`: `{parameter.name}` needs an annotation, from which the signature is made: `{parameter.name}: {kind}`")
    state, *rows = parameters
    return [hints[state.name], *[(row.name, hints[row.name]) for row in rows]]


def _column(aggregate, name, annotation):
    where = f"{aggregate.__name__}.add"
    if types.NoneType in typing.get_args(annotation):
        (part, *_) = (part for part in typing.get_args(annotation) if part is not types.NoneType)
        raise Mistake(f"`{where}`: `{name}` is {words_of(annotation)}, but rows with NULL do not reach `add`: write `{name}: {words_of(part)}`")
    return sql_type(annotation, f"{where}({name})")


def refuse_returned(aggregate, method, returned):
    """Refuses what a method returns that has to change a state in place."""
    if returned is not None:
        where = f"{type(aggregate).__name__}.{method}"
        raise Mistake(f"`{where}` must change `state` in place; its return value is ignored, and it returned {shown(returned)}")


def fold(aggregate, rows, parts=1):
    """The value of rows, each a tuple of arguments: for tests. Rows with None are left out, as the host's NULL is.

    The rows go into so many states in turn, which are stored, restored and merged, as in windows of several slices.
    """
    signature = Signature(type(aggregate))
    states = [signature.state() for _ in range(parts)]
    for number, row in enumerate(rows):
        row = row if isinstance(row, tuple) else (row,)
        if None not in row:
            refuse_returned(aggregate, "add", aggregate.add(states[number % parts], *row))
            signature.stored.check(states[number % parts])
    first, *others = (from_bytes(signature.stored, to_bytes(signature.stored, state)) for state in states)
    for other in others:
        before = to_bytes(signature.stored, other)
        refuse_returned(aggregate, "merge", aggregate.merge(first, other))
        signature.stored.check(first)
        if to_bytes(signature.stored, other) != before:
            raise Mistake(f"`{type(aggregate).__name__}.merge` changed `other`, which is still needed: change `state` only")
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
