"""A sink: makes requests of rows and says what the answers mean. The host sends the requests and keeps the order."""

import dataclasses
import datetime
import itertools
import json
import math

from .parameter import fields_of
from .told import Mistake, shown

#: The longest start of a body that explains a rejection, in characters.
_WORDS_MAX = 200


@dataclasses.dataclass
class Request:
    """A request of HTTP. `{option:NAME}` in the URL and in values of headers is filled in by the host."""

    url: str
    body: bytes
    headers: list
    method: str = "POST"


@dataclasses.dataclass
class Column:
    """A column of the rows: its name in SQL and its type (`boolean`, `int64`, `float64`, `timestamp` or `text`)."""

    name: str
    data_type: str


@dataclasses.dataclass
class Row:
    """A row to deliver."""

    #: The name of the query.
    query: str
    columns: list
    #: One a column; None is NULL, a timestamp is an int of microseconds.
    values: list
    #: The idempotency key, the same after any crash.
    key: str
    #: `insert`, `update` or `delete`.
    operation: str
    revision: int
    #: The start and end of its window in microseconds; None where the query has no windows.
    window: tuple | None

    def items(self):
        """Names and values."""
        return [(column.name, value) for column, value in zip(self.columns, self.values)]

    def texts(self):
        """Names and values as texts for people."""
        return [(column.name, text_of(column.data_type, value)) for column, value in zip(self.columns, self.values)]


@dataclasses.dataclass
class Response:
    """An answer."""

    status: int
    #: Names in lower case, and values.
    headers: list
    body: bytes

    def header(self, name):
        """The first value of a header, whose name is in lower case."""
        return next((value for found, value in self.headers if found == name), None)


@dataclasses.dataclass
class Outcome:
    """What has become of a delivery: see `delivered`, `retry` and `rejected`."""

    kind: str
    detail: object = None


#: The receiver has it.
delivered = Outcome("delivered")


def retry(after_ms=None):
    """Send it again, not before so many milliseconds; None = as the host's back-off says."""
    is_whole = isinstance(after_ms, int) and not isinstance(after_ms, bool) and 0 <= after_ms < 2**64
    if after_ms is not None and not is_whole:
        raise Mistake(f"`retry` takes whole milliseconds or None, and got {shown(after_ms)}")
    return Outcome("retry", after_ms)


def rejected(why):
    """The receiver will never take it, and why: the row becomes a dead letter with that text."""
    if not isinstance(why, str):
        raise Mistake(f"`rejected` takes the reason as a text, and got {shown(why)}")
    return Outcome("rejected", why)


class Sink:
    """Where rows are delivered to. `request` makes a request of each row; `requests`, in its place, makes them of several."""

    name: str
    version = "0.1.0"

    def __init__(self, **options):
        for field in fields_of(type(self)):
            setattr(self, field.name, field.checked(options.pop(field.name, field.default)))

    def request(self, row):
        """The request that carries a row."""
        raise NotImplementedError

    def requests(self, rows):
        """The requests of a batch: yields each with the list of the rows that it carries, so that each row is in one of them, in order.

        A batch has rows of one window, or of none. It ends with the window or before: a window of more than 8,192 rows comes in
        several batches, so in several requests.
        """
        for row in rows:
            yield self.request(row), [row]

    def judge(self, response):
        """What an answer means for all rows of its request; without this method it is what HTTP says."""
        return judge_http(response)


def by_window(rows, most=None):
    """Rows that stand one behind the other and are of one window, as lists, of `most` rows at most."""
    for _, group in itertools.groupby(rows, key=lambda row: row.window):
        found = list(group)
        for start in range(0, len(found), most or len(found)):
            yield found[start : start + (most or len(found))]


def carried(sink, rows):
    """The requests that a sink makes of rows, each with the number of rows that it carries: together all, in order."""
    name, made, at = type(sink).__name__, [], 0
    due = "yield each request with the list of its rows, such as `yield post_json(...), rows`"
    found = sink.requests(rows)
    if isinstance(found, Request) or not hasattr(found, "__iter__"):
        raise Mistake(f"`{name}.requests` returned {shown(found)}: {due}")
    for item in found:
        if not (isinstance(item, tuple) and len(item) == 2 and isinstance(item[1], (list, tuple))):
            raise Mistake(f"`{name}.requests` gave {shown(item)}: {due}")
        request, of = item
        _check_request(request, f"{name}.{'request' if type(sink).requests is Sink.requests else 'requests'}")
        follow = rows[at : at + len(of)]
        if not of or len(of) != len(follow) or any(one is not other for one, other in zip(of, follow)):
            raise Mistake(
                f"`{name}.requests`: request {len(made) + 1} does not carry the rows from row {at + 1} of {len(rows)} on: each row goes into "
                "one request, in their order"
            )
        made.append((request, len(of)))
        at += len(of)
    if at < len(rows):
        raise Mistake(f"`{name}.requests` left out the rows from row {at + 1} of {len(rows)} on: each row goes into one request")
    return made


def _check_request(request, where):
    if not isinstance(request, Request):
        raise Mistake(f"`{where}` gave {shown(request)} where a request is due: use post_json(...) or Request(...)")
    for field, kind in [("url", str), ("body", (bytes, bytearray)), ("method", str)]:
        value = getattr(request, field)
        if not isinstance(value, kind):
            raise Mistake(f"`{where}`: the {field} of its request is {'a text' if kind is str else 'bytes'} and got {shown(value)}")
    for header in request.headers:
        if not (isinstance(header, tuple) and len(header) == 2 and all(isinstance(part, str) for part in header)):
            raise Mistake(f"`{where}`: a header is a pair of texts, such as (\"x-team\", \"a\"), and got {shown(header)}")


def judged(sink, response):
    """What a sink says that an answer means."""
    outcome = sink.judge(response)
    if not isinstance(outcome, Outcome):
        raise Mistake(f"`judge` returned {type(outcome).__name__}: return delivered, retry(...) or rejected(...)")
    return outcome


def post_json(url, value, key=None):
    """A POST of a JSON text, in which NaN and infinities are null; the key goes along as `Idempotency-Key`."""
    headers = [("content-type", "application/json")]
    if key is not None:
        escaped = key.replace("\\", "\\\\").replace('"', '\\"')
        headers.append(("idempotency-key", f'"{escaped}"'))
    dumped = lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        text = dumped(value)
    except ValueError:
        text = dumped(_finite(value))
    return Request(url, text.encode("utf-8", "replace"), headers)


def _finite(value):
    """A value of JSON, which has no NaN and no infinities."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key) if isinstance(key, float) else key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, (list, tuple)) else value


def judge_http(response):
    """2xx is delivered; 429 and 503 ask for a retry, after `Retry-After` where it gives seconds; 408, 425 and the other 5xx ask for a
    retry; everything else is final."""
    status = response.status
    if 200 <= status <= 299:
        return delivered
    if status in (429, 503):
        seconds = (response.header("retry-after") or "").strip()
        digits = seconds.isascii() and seconds.isdigit()
        return retry(min(int(seconds[:20]) * 1000, 2**64 - 1) if digits else None)
    if status in (408, 425) or 500 <= status <= 599:
        return retry()
    if 300 <= status <= 399:
        return rejected(f"the receiver answered {status}, and redirects are not followed: give the URL that it leads to")
    text = bytes(response.body[: 4 * _WORDS_MAX]).decode("utf-8", "replace")
    words = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(words) > _WORDS_MAX:
        words = words[:_WORDS_MAX] + "…"
    return rejected(f"the receiver answered {status}: {words}" if words else f"the receiver answered {status}")


_EPOCH = datetime.datetime(1970, 1, 1)


def text_of(data_type, value):
    """A value as a text for people: times in UTC, numbers without needless digits."""
    if value is None:
        return "NULL"
    if data_type == "boolean":
        return "true" if value else "false"
    if data_type == "timestamp":
        try:
            time = _EPOCH + datetime.timedelta(milliseconds=value // 1000)
            return time.isoformat(timespec="milliseconds").removesuffix(".000") + "Z"
        except OverflowError:
            return f"{value} µs"
    if data_type == "float64":
        return str(value).removesuffix(".0")
    return str(value)
