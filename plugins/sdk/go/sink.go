package streamgauge

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"MODULE/streamgauge/internal/core"
)

// Request is what the host sends for a row, again where it must.
type Request = core.Request

// Response is what a receiver answered. The names of headers are in lower case.
type Response = core.Response

// Outcome is what has become of a row: Delivered(), Retry(...) or Rejected(...).
type Outcome = core.Outcome

// Sink makes a request of each row. The exported fields of its type are the options of WITH; a method Open() error, where there is one,
// looks at them. A method Judge(response *Response) Outcome, where there is one, takes the place of ByStatus. A panic refuses the batch.
type Sink interface {
	Request(row *Row) Request
}

// ExportSink makes the plugin of a pointer to a sink.
func ExportSink(sink Sink, about About) {
	exported := &exportedSink{about: about.filled(), pointer: reflect.TypeOf(sink)}
	exported.options, exported.wrong = fieldsOf(exported.pointer.Elem())
	core.ExportedSink = exported
}

// PostJSON is a POST of a value as JSON.
func PostJSON(url string, value any) Request {
	var body strings.Builder
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err)
	}
	headers := []core.Header{{Name: "content-type", Value: "application/json"}}
	return Request{Method: "POST", URL: url, Headers: headers, Body: []byte(strings.TrimSuffix(body.String(), "\n"))}
}

// Delivered says that the receiver has the row.
func Delivered() Outcome { return Outcome{Delivered: true} }

// Retry says that it is to be sent again, not before so long; 0 = as the host says.
func Retry(after time.Duration) Outcome { return Outcome{RetryMs: uint64(after.Milliseconds())} }

// Rejected says that the receiver will never take it, and why: lower case, no full stop.
func Rejected(why string) Outcome { return Outcome{Rejected: why} }

// ByStatus judges as HTTP says: 2xx is delivered; 408, 425, 429 and 5xx are tried again, after the seconds of retry-after where it gives
// some; others are rejected.
func ByStatus(response *Response) Outcome {
	switch status := response.Status; {
	case status >= 200 && status <= 299:
		return Delivered()
	case status == 429 || status == 503:
		for _, header := range response.Headers {
			if seconds, err := strconv.ParseUint(strings.TrimSpace(header.Value), 10, 32); header.Name == "retry-after" && err == nil {
				return Retry(time.Duration(seconds) * time.Second)
			}
		}
		return Retry(0)
	case status == 408 || status == 425 || status >= 500 && status <= 599:
		return Retry(0)
	default:
		return Rejected(fmt.Sprintf("the receiver answered %d", status))
	}
}

// Row is a row of a query.
type Row struct {
	Query   string
	columns []core.Named
	values  []core.Column
	number  int
}

// Len is the number of columns.
func (r *Row) Len() int { return len(r.columns) }

// Name is the name of a column, as in the SELECT list.
func (r *Row) Name(column int) string { return r.columns[column].Name }

// Value is nil for NULL, else a bool, int64, float64, string or Timestamp.
func (r *Row) Value(column int) any {
	values := &r.values[column]
	if !values.IsValid(r.number) {
		return nil
	}
	switch values.Type {
	case core.Boolean:
		return values.Booleans[r.number/8]>>(r.number%8)&1 == 1
	case core.Int64:
		return values.Int64s[r.number]
	case core.Float64:
		return values.Float64s[r.number]
	case core.TimestampType:
		return Timestamp(values.Int64s[r.number])
	}
	return string(values.Text(r.number))
}

// Text is a value as people read it; NULL is NULL.
func (r *Row) Text(column int) string {
	switch value := r.Value(column).(type) {
	case nil:
		return "NULL"
	case float64:
		return strconv.FormatFloat(value, 'g', -1, 64)
	case Timestamp:
		return time.UnixMicro(int64(value)).UTC().Format("2006-01-02T15:04:05.000Z")
	default:
		return fmt.Sprint(value)
	}
}

// exportedSink is a sink as the bindings see it.
type exportedSink struct {
	about   About
	pointer reflect.Type
	options []core.Field
	wrong   error
}

func (s *exportedSink) About() (name, version, docs string) {
	return s.about.Name, s.about.Version, s.about.Docs
}

func (s *exportedSink) Options() []core.Field { return s.options }

func (s *exportedSink) Open(options []any, query string, columns []core.Named) (core.Encoder, *core.Error) {
	if s.wrong != nil {
		return nil, &core.Error{Text: s.wrong.Error()}
	}
	sink := reflect.New(s.pointer.Elem())
	if refused := set(sink.Elem(), options); refused != nil {
		return nil, refused
	}
	if refused := open(sink.Interface()); refused != nil {
		return nil, refused
	}
	return &encoder{sink: sink.Interface().(Sink), query: query, columns: columns}, nil
}

// encoder makes the requests of one query.
type encoder struct {
	sink    Sink
	query   string
	columns []core.Named
}

func (e *encoder) Encode(deliveries *core.Deliveries) (requests []core.Request, refused *core.Error) {
	defer recovered(&refused)
	for number, key := range deliveries.Keys {
		row := &Row{Query: e.query, columns: e.columns, values: deliveries.Columns, number: number}
		request := e.sink.Request(row)
		// A string of a structured header (RFC 8941).
		quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key) + `"`
		request.Headers = append(request.Headers, core.Header{Name: "idempotency-key", Value: quoted})
		requests = append(requests, request)
	}
	return requests, nil
}

func (e *encoder) Judge(response *core.Response) Outcome {
	if judge, ok := e.sink.(interface{ Judge(*Response) Outcome }); ok {
		return judge.Judge(response)
	}
	return ByStatus(response)
}
