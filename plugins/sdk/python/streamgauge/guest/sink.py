"""The interface `sink` of the contract for the sink that `export` named."""

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import sink as w

from ..exported import exported
from ..parameter import fields_of
from ..sink import Column, Response, Row, carried, judged
from ..told import told
from .columns import NAMES, field, given, invalid, nullable, texts


class Encoder(w.Encoder):
    """What one query delivers to one sink."""

    def __init__(self, sink, query, columns):
        self.sink = sink
        self.query = query
        self.columns = columns

    @classmethod
    def open(cls, options, schema):
        (sink,) = exported
        columns = [Column(column.name, NAMES[column.data_type]) for column in schema.columns]
        try:
            return cls(sink(**given(fields_of(sink), options)), schema.query, columns)
        except ValueError as error:
            raise invalid(str(error)) from None
        except Err:
            raise
        except BaseException as error:
            raise invalid(told(error)) from None

    def encode(self, deliveries):
        if not isinstance(deliveries.content, w.Content_Rows):
            raise invalid("this sink takes rows, and no alerts")
        try:
            return [_request(*made) for made in carried(self.sink, list(self._rows(deliveries)))]
        except BaseException as error:
            raise invalid(told(error)) from None

    def _rows(self, deliveries):
        rows = deliveries.content.value
        columns = [nullable(column) for column in rows.columns]
        windows = rows.windows
        for number, key in enumerate(texts(deliveries.keys)):
            yield Row(
                query=self.query,
                columns=self.columns,
                values=[column[number] for column in columns],
                key=key,
                operation=rows.operations[number].name.lower(),
                revision=rows.revisions[number],
                window=None if windows is None else (windows.starts[number], windows.ends[number]),
            )

    def judge(self, request, response):
        headers = [(pair.name, pair.value) for pair in response.headers]
        try:
            outcome = judged(self.sink, Response(response.status, headers, response.body))
        except BaseException as error:
            return [w.Outcome_Rejected(f"the sink cannot judge the answer: {told(error)}")] * request.deliveries
        made = {
            "delivered": lambda _: w.Outcome_Delivered(),
            "retry": w.Outcome_Retry,
            "rejected": w.Outcome_Rejected,
        }[outcome.kind](outcome.detail)
        return [made] * request.deliveries


def _request(request, deliveries):
    headers = [w.Pair(name, value) for name, value in request.headers]
    http = w.HttpRequest(request.method, request.url, headers, bytes(request.body))
    return w.Request(w.Message_Http(http), deliveries)


class Sink(exports.Sink):
    """What the plugin is."""

    def describe(self):
        (sink,) = exported
        docs = " ".join((sink.__doc__ or "").split("\n\n")[0].split()).removesuffix(".")
        return w.Descriptor(sink.name, sink.version, docs, [field(of) for of in fields_of(sink)])
