"""componentize-py looks here for the resource of the interface `sink`."""

from streamgauge.guest.sink import Encoder

__all__ = ["Encoder"]
