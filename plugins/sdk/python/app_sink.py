"""What componentize-py begins with for a sink: the author's module, and the functions of the contract."""

import plugin  # noqa: F401
from streamgauge.exported import exported
from streamgauge.guest.sink import Sink

if len(exported) != 1:
    raise SystemExit("plugin.py names no sink: let it end with `export(YourClass)`")

__all__ = ["Sink"]
