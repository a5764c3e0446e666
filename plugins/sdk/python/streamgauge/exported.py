"""What the module of the author makes a plugin of."""

from .aggregate import Signature

#: The classes that `export` named.
exported = []
#: The ways to call an aggregate function.
signatures = []


def export(*classes):
    """Makes a plugin of a class: an aggregate, or several that are ways to call one function, or a sink."""
    exported[:] = classes
    signatures[:] = [Signature(cls) for cls in classes if hasattr(cls, "add")]
