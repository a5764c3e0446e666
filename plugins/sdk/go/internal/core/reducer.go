package core

// Signature is how a function is called.
type Signature struct {
	Arguments    []DataType
	Parameters   []Field
	Returns      DataType
	NeedsTime    bool
	Tolerance    float64
	BytesMax     uint32
	Grows        bool
	StateVersion uint32
}

// FailedRow has no value, and says why.
type FailedRow struct {
	Row uint32
	Why string
}

// Reducer is an aggregate function.
type Reducer interface {
	About() (name, version, docs string)
	Signature() Signature
	Open(parameters []any) (Accumulators, *Error)
}

// Accumulators are the states of one call, by slot.
type Accumulators interface {
	Accumulate(slots []uint32, arguments []Column) *Error
	Merge(into, source []uint32)
	Evaluate(slots []uint32) (Column, []FailedRow)
	Snapshot(slots []uint32) (ends []uint32, bytes []byte)
	Restore(version uint32, slots, ends []uint32, bytes []byte) *Error
	Release(slots []uint32)
}

// ExportedReducer is the one of this plugin.
var ExportedReducer Reducer
