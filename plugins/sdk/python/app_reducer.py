"""What componentize-py begins with for an aggregate function: the author's module, and the functions of the contract."""

import plugin  # noqa: F401
from streamgauge.exported import signatures
from streamgauge.guest.reducer import Reducer
from streamgauge.told import Mistake

if not signatures:
    raise Mistake("plugin.py names no aggregate: let it end with `export(YourClass)`")

__all__ = ["Reducer"]
