package streamgauge

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
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

// BatchSink makes requests of several rows, together of all that it is given, in their order. A batch has rows of one window, or of none. It
// ends with the window or before: a window of more than 8,192 rows comes in several batches, so in several requests. The rest is as for Sink.
type BatchSink interface {
	Requests(rows []*Row) []Carried
}

// Carried is a request and the rows that it carries.
type Carried struct {
	Request Request
	Rows    []*Row
}

// ByWindow divides rows into those that stand one behind the other and are of one window, most at a time; 0 = any number.
func ByWindow(rows []*Row, most int) [][]*Row {
	var groups [][]*Row
	for at, row := range rows {
		last := len(groups) - 1
		isSame := at > 0 && (row.Window == nil) == (rows[at-1].Window == nil) && (row.Window == nil || *row.Window == *rows[at-1].Window)
		if isSame && (most == 0 || len(groups[last]) < most) {
			groups[last] = append(groups[last], row)
		} else {
			groups = append(groups, []*Row{row})
		}
	}
	return groups
}

// ExportBatchSink makes the plugin of a pointer to a sink of several rows a request.
func ExportBatchSink(sink BatchSink, about About) { exportSink(sink, about) }

// ExportSink makes the plugin of a pointer to a sink.
func ExportSink(sink Sink, about About) { exportSink(sink, about) }

func exportSink(sink any, about About) {
	exported := &exportedSink{about: about.filled(), pointer: reflect.TypeOf(sink)}
	exported.options, exported.wrong = fieldsOf(exported.pointer.Elem())
	core.ExportedSink = exported
}

// PostJSON is a POST of a value as JSON. NaN and infinities, which JSON has not, are null in a value that is a float64, or in a map[string]any
// or an []any.
func PostJSON(url string, value any) Request {
	var body strings.Builder
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(finite(value)); err != nil {
		panic(err)
	}
	headers := []core.Header{{Name: "content-type", Value: "application/json"}}
	return Request{Method: "POST", URL: url, Headers: headers, Body: []byte(strings.TrimSuffix(body.String(), "\n"))}
}

// finite is the value with null for numbers that JSON has not.
func finite(value any) any {
	switch value := value.(type) {
	case float64:
		if math.IsNaN(value) || math.IsInf(value, 0) {
			return nil
		}
	case map[string]any:
		made := make(map[string]any, len(value))
		for name, item := range value {
			made[name] = finite(item)
		}
		return made
	case []any:
		made := make([]any, len(value))
		for at, item := range value {
			made[at] = finite(item)
		}
		return made
	}
	return value
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

// Window is that of a row, in microseconds since 1970.
type Window struct{ Start, End Timestamp }

// Row is a row of a query.
type Row struct {
	Query string
	// Key is the idempotency key, the same after any crash. The kit sends that of the first row of a request.
	Key string
	// Window is nil where the query has no windows.
	Window  *Window
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
	return &encoder{sink: sink.Interface(), query: query, columns: columns}, nil
}

// encoder makes the requests of one query.
type encoder struct {
	sink    any
	query   string
	columns []core.Named
}

func (e *encoder) Encode(deliveries *core.Deliveries) (requests []core.Request, refused *core.Error) {
	defer recovered(&refused)
	rows := make([]*Row, len(deliveries.Keys))
	for number, key := range deliveries.Keys {
		rows[number] = &Row{Query: e.query, Key: key, columns: e.columns, values: deliveries.Columns, number: number}
		if deliveries.Starts != nil {
			rows[number].Window = &Window{Timestamp(deliveries.Starts[number]), Timestamp(deliveries.Ends[number])}
		}
	}
	for _, carried := range e.carried(rows) {
		request := carried.Request
		// A string of a structured header (RFC 8941).
		quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(carried.Rows[0].Key) + `"`
		request.Headers = append(request.Headers, core.Header{Name: "idempotency-key", Value: quoted})
		request.Deliveries = uint32(len(carried.Rows))
		requests = append(requests, request)
	}
	return requests, nil
}

// carried are the requests of rows, each of which is in one of them.
func (e *encoder) carried(rows []*Row) (made []Carried) {
	sink, isOfBatches := e.sink.(BatchSink)
	if !isOfBatches {
		for _, row := range rows {
			made = append(made, Carried{e.sink.(Sink).Request(row), []*Row{row}})
		}
		return made
	}
	made = sink.Requests(rows)
	at := 0
	for number, carried := range made {
		if len(carried.Rows) == 0 || at+len(carried.Rows) > len(rows) || !slices.Equal(carried.Rows, rows[at:at+len(carried.Rows)]) {
			const why = "Requests: request %d does not carry the rows from row %d of %d on: each row goes into one request, in their order"
			panic(fmt.Sprintf(why, number+1, at+1, len(rows)))
		}
		at += len(carried.Rows)
	}
	if at < len(rows) {
		panic(fmt.Sprintf("Requests left out the rows from row %d of %d on: each row goes into one request", at+1, len(rows)))
	}
	return made
}

func (e *encoder) Judge(response *core.Response) Outcome {
	if judge, ok := e.sink.(interface{ Judge(*Response) Outcome }); ok {
		return judge.Judge(response)
	}
	return ByStatus(response)
}
