"""componentize-py looks here for the resource of the interface `reducer`."""

from streamgauge.guest.reducer import Accumulators

__all__ = ["Accumulators"]
