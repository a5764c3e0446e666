"""What the module of the author makes a plugin of."""

import inspect

from .aggregate import Aggregate, Signature
from .parameter import fields_of
from .sink import Sink
from .told import Mistake, shown

#: The classes that `export` named.
exported = []
#: The ways to call an aggregate function.
signatures = []


def export(*classes):
    """Makes a plugin of a class: an aggregate, or several that are ways to call one function, or a sink."""
    for cls in classes:
        if not isinstance(cls, type):
            name = type(cls).__name__
            instead = f": write export({name})" if isinstance(cls, (Aggregate, Sink)) else ""
            raise Mistake(f"`export` takes classes, and got {shown(cls)}{instead}")
        if not issubclass(cls, (Aggregate, Sink)):
            raise Mistake(f"`{cls.__name__}` is neither an aggregate nor a sink: write `class {cls.__name__}(Aggregate)` or (Sink)")
    sinks = [cls for cls in classes if issubclass(cls, Sink)]
    if not classes or (sinks and len(classes) > 1):
        raise Mistake("`export` takes one sink, or aggregates that are ways to call one function")
    for sink in sinks:
        _check_sink(sink)
    exported[:] = classes
    signatures[:] = [Signature(cls) for cls in classes if cls not in sinks]


def _check_sink(sink):
    name = sink.__name__
    if sink.request is Sink.request and sink.requests is Sink.requests:
        raise Mistake(
            f"`{name}` has no method `request`: write `def request(self, row)`, or `def requests(self, rows)` for several rows a request"
        )
    for method, written in [("request", "row"), ("requests", "rows"), ("judge", "response")]:
        try:
            inspect.signature(getattr(sink, method)).bind(None, None)
        except TypeError as error:
            raise Mistake(f"`{name}.{method}`: {error}; write `def {method}(self, {written})`") from None
    if not isinstance(getattr(sink, "name", None), str):
        raise Mistake(f'`{name}` has no `name`: write `name = "{name.lower()}"` in it')
    fields_of(sink)
