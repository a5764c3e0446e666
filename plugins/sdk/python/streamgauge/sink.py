"""A sink: makes requests of rows and says what the answers mean. The host sends the requests and keeps the order."""

import dataclasses
import datetime
import json

from .parameter import fields_of

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
    return Outcome("retry", after_ms)


def rejected(why):
    """The receiver will never take it."""
    return Outcome("rejected", why)


class Sink:
    """Where rows are delivered to: one request a row."""

    name: str
    version = "0.1.0"

    def __init__(self, **options):
        for field in fields_of(type(self)):
            setattr(self, field.name, field.checked(options.pop(field.name, field.default)))

    def request(self, row):
        """The request that carries a row."""
        raise NotImplementedError

    def judge(self, response):
        """What an answer means; without this method it is what HTTP says."""
        return judge_http(response)


def post_json(url, value, key=None):
    """A POST of a JSON text; the key goes along as `Idempotency-Key`."""
    headers = [("content-type", "application/json")]
    if key is not None:
        escaped = key.replace("\\", "\\\\").replace('"', '\\"')
        headers.append(("idempotency-key", f'"{escaped}"'))
    return Request(url, json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"), headers)


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
