"""Plugins for Streamgauge in Python. An aggregate function is a class of `Aggregate`, a sink a class of `Sink`; `export` names them."""

from .aggregate import Aggregate, exp, fold, ln
from .parameter import option, parameter
from .exported import export
from .sink import Request, Row, Sink, by_window, delivered, judge_http, post_json, rejected, retry
from .stored import I128, U8, U32, U64, EventTime, Timestamp, state

__all__ = [
    "Aggregate", "EventTime", "I128", "Request", "Row", "Sink", "Timestamp", "U32", "U64", "U8", "by_window", "delivered", "exp",
    "export", "fold", "judge_http", "ln", "option", "parameter", "post_json", "rejected", "retry", "state",
]
