"""Exceptions as texts for a user who sees no traceback."""

import dataclasses
import os

_KIT = os.path.dirname(__file__) + os.sep
#: Where a module of Python itself lies.
_PYTHON = os.path.dirname(dataclasses.__file__) + os.sep
_SHOWN_MAX = 60


class Mistake(TypeError):
    """What the kit finds in a plugin: its text says where and what to write, so that it needs no name of a class."""


def shown(value):
    """A value and its class in a message: `0.5 (float)`."""
    try:
        text = repr(value)
    except Exception:
        text = "a value"
    text = text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "…"
    return f"{text} ({type(value).__name__})"


def told(error):
    """An exception in words, with the line of the author's that it comes from and the method that the kit had called."""
    words = str(error)
    if not isinstance(error, Mistake):
        words = f"{type(error).__name__}: {words}" if words else type(error).__name__
    places = list(_authors(error.__traceback__))
    if not places:
        return words
    # Of a frame only its code is asked: `traceback` would read the source, and a component has no files.
    (file, line, name), (_, called_at, called) = places[-1], places[0]
    place = f"{file}, line {line}, in {name}"
    return f"{words} ({place})" if len(places) == 1 else f"{words} ({place}; {called} called it in line {called_at})"


def _authors(traceback):
    """File, line and function of the frames that are the author's, the outermost first."""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        file = code.co_filename
        if not file.startswith(("<", _KIT, _PYTHON)):
            yield os.path.basename(file), traceback.tb_lineno, code.co_name
        traceback = traceback.tb_next
