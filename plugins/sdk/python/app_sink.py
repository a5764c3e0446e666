"""What componentize-py begins with for a sink: the author's module, and the functions of the contract."""

import plugin  # noqa: F401
from streamgauge.exported import exported, signatures
from streamgauge.guest.sink import Sink
from streamgauge.told import Mistake

if signatures or len(exported) != 1:
    raise Mistake("plugin.py names no sink: let it end with `export(YourClass)`")

__all__ = ["Sink"]
