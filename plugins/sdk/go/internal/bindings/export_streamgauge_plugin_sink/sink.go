// The functions that the bindings call.
package export_streamgauge_plugin_sink

import (
	"runtime"

	"MODULE/streamgauge/internal/bindings/streamgauge_plugin_columns"
	"MODULE/streamgauge/internal/bindings/streamgauge_plugin_sink"
	"MODULE/streamgauge/internal/core"
	"go.bytecodealliance.org/pkg/wit/types"
)

// Encoder is the resource. The bindings use its first two fields and OnDrop.
type Encoder struct {
	pinner  runtime.Pinner
	handle  int32
	encoder core.Encoder
}

func (e *Encoder) OnDrop() { e.encoder = nil }

func Describe() streamgauge_plugin_sink.Descriptor {
	name, version, docs := core.ExportedSink.About()
	options := streamgauge_plugin_columns.LowerFields(core.ExportedSink.Options())
	return streamgauge_plugin_sink.Descriptor{Name: name, Version: version, Docs: docs, Options: options}
}

func EncoderOpen(options []streamgauge_plugin_columns.Literal, schema streamgauge_plugin_sink.Schema) wit_types.Result[*Encoder, streamgauge_plugin_columns.Error] {
	var columns []core.Named
	for _, column := range schema.Columns {
		columns = append(columns, core.Named{Name: column.Name, Type: core.DataType(column.DataType)})
	}
	encoder, err := core.ExportedSink.Open(streamgauge_plugin_columns.LiftLiterals(options), schema.Query, columns)
	if err != nil {
		return wit_types.Err[*Encoder, streamgauge_plugin_columns.Error](streamgauge_plugin_columns.LowerError(err))
	}
	return wit_types.Ok[*Encoder, streamgauge_plugin_columns.Error](&Encoder{encoder: encoder})
}

type requests = []streamgauge_plugin_sink.Request

func (e *Encoder) Encode(deliveries streamgauge_plugin_sink.Deliveries) wit_types.Result[requests, streamgauge_plugin_columns.Error] {
	failed := func(err *core.Error) wit_types.Result[requests, streamgauge_plugin_columns.Error] {
		return wit_types.Err[requests, streamgauge_plugin_columns.Error](streamgauge_plugin_columns.LowerError(err))
	}
	if deliveries.Content.Tag() != streamgauge_plugin_sink.ContentRows {
		return failed(&core.Error{Text: "takes rows, no alerts"})
	}
	rows := deliveries.Content.Rows()
	lifted := core.Deliveries{Revisions: rows.Revisions, Operations: rows.Operations, Columns: streamgauge_plugin_columns.LiftColumns(rows.Columns)}
	var start uint32
	for _, end := range deliveries.Keys.Ends {
		lifted.Keys = append(lifted.Keys, string(deliveries.Keys.Bytes[start:end]))
		start = end
	}
	if rows.Windows.IsSome() {
		windows := rows.Windows.Some()
		lifted.Starts, lifted.Ends = windows.Starts, windows.Ends
	}
	encoded, err := e.encoder.Encode(&lifted)
	if err != nil {
		return failed(err)
	}
	lowered := make(requests, 0, len(encoded))
	for _, request := range encoded {
		post := streamgauge_plugin_sink.HttpRequest{Method: request.Method, Url: request.URL, Body: request.Body}
		for _, header := range request.Headers {
			post.Headers = append(post.Headers, streamgauge_plugin_sink.Pair{Name: header.Name, Value: header.Value})
		}
		lowered = append(lowered, streamgauge_plugin_sink.Request{Message: streamgauge_plugin_sink.MakeMessageHttp(post), Deliveries: request.Deliveries})
	}
	return wit_types.Ok[requests, streamgauge_plugin_columns.Error](lowered)
}

func (e *Encoder) Judge(request streamgauge_plugin_sink.Request, response streamgauge_plugin_sink.Response) []streamgauge_plugin_sink.Outcome {
	lifted := core.Response{Status: int(response.Status), Body: response.Body}
	for _, header := range response.Headers {
		lifted.Headers = append(lifted.Headers, core.Header{Name: header.Name, Value: header.Value})
	}
	outcomes := make([]streamgauge_plugin_sink.Outcome, 0, request.Deliveries)
	for range request.Deliveries {
		outcomes = append(outcomes, lower(e.encoder.Judge(&lifted)))
	}
	return outcomes
}

func lower(outcome core.Outcome) streamgauge_plugin_sink.Outcome {
	switch {
	case outcome.Delivered:
		return streamgauge_plugin_sink.MakeOutcomeDelivered()
	case outcome.Rejected != "":
		return streamgauge_plugin_sink.MakeOutcomeRejected(outcome.Rejected)
	case outcome.RetryMs > 0:
		return streamgauge_plugin_sink.MakeOutcomeRetry(wit_types.Some(outcome.RetryMs))
	}
	return streamgauge_plugin_sink.MakeOutcomeRetry(wit_types.None[uint64]())
}
