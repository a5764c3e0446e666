// Package core is what the kit and the bindings of the contract have in common.
package core

// DataType is a type of SQL.
type DataType uint8

const (
	Boolean DataType = iota
	Int64
	Float64
	TimestampType
	Text
)

// Timestamp is a point in time: microseconds since 1970-01-01T00:00:00Z.
type Timestamp int64

// EventTime is the time of an event, like a Timestamp.
type EventTime int64

// Field is a parameter of a call, or an option of a sink.
type Field struct {
	Name, Docs string
	Type       DataType
	// Default is nil where a value must be given.
	Default any
}

// Column has one value a row, in the field of its type.
type Column struct {
	Rows     int
	Type     DataType
	Booleans []byte
	// Int64s are timestamps, too.
	Int64s   []int64
	Float64s []float64
	// Text i is Bytes[Ends[i-1]:Ends[i]].
	Ends  []uint32
	Bytes []byte
	// Valid is a bitmap, least bit first, 1 = not NULL; nil = no row is NULL.
	Valid []byte
}

// IsValid says whether a row is not NULL.
func (c *Column) IsValid(row int) bool {
	return c.Valid == nil || c.Valid[row/8]>>(row%8)&1 == 1
}

// Text is the text of a row. Its bytes are there until the call ends.
func (c *Column) Text(row int) []byte {
	var start uint32
	if row > 0 {
		start = c.Ends[row-1]
	}
	return c.Bytes[start:c.Ends[row]]
}

// Kind says what is wrong.
type Kind uint8

const (
	Invalid Kind = iota
	Corrupt
	UnsupportedVersion
)

// Error is what a call gives back where it refuses.
type Error struct {
	Kind    Kind
	Text    string
	Version uint32
}

// PushText appends a text.
func (c *Column) PushText(text string) {
	c.Bytes = append(c.Bytes, text...)
	c.Ends = append(c.Ends, uint32(len(c.Bytes)))
}
