package core

// Named is a column of the rows that a sink gets.
type Named struct {
	Name string
	Type DataType
}

// Deliveries are rows, in columns.
type Deliveries struct {
	Keys      []string
	Revisions []uint32
	// Operations are 0 = insert, 1 = update, 2 = delete.
	Operations []uint8
	Columns    []Column
	// Starts and Ends are of the windows of the rows, in microseconds; nil = the query has no windows.
	Starts, Ends []int64
}

// Header is one of a request or response.
type Header struct{ Name, Value string }

// Request is one that the host sends for a row, or for several.
type Request struct {
	Method, URL string
	Headers     []Header
	Body        []byte
	// Deliveries is how many rows it carries; the kit sets it.
	Deliveries uint32
}

// Response is what a receiver answered.
type Response struct {
	Status  int
	Headers []Header
	Body    []byte
}

// Outcome is what has become of a row.
type Outcome struct {
	Delivered bool
	// Rejected says why it will never be taken; empty = try it again.
	Rejected string
	// RetryMs is the least time until then; 0 = as the host's back-off says.
	RetryMs uint64
}

// Sink makes requests of rows.
type Sink interface {
	About() (name, version, docs string)
	Options() []Field
	Open(options []any, query string, columns []Named) (Encoder, *Error)
}

// Encoder is what one query delivers to one sink.
type Encoder interface {
	Encode(deliveries *Deliveries) ([]Request, *Error)
	Judge(response *Response) Outcome
}

// ExportedSink is the one of this plugin.
var ExportedSink Sink
