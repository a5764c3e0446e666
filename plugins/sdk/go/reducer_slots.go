package streamgauge

import (
	"math/bits"
	"strings"
	"unsafe"

	"MODULE/streamgauge/internal/core"
)

// slots are the states of one call of an aggregate.
type slots[State, Row, Value any, A Aggregate[State, Row, Value]] struct {
	reducer   *reducer[State, Row, Value, A]
	aggregate A
	states    []State
	// rows and valid are used again for each batch.
	rows  []Row
	valid []byte
	// empty is the state of a slot that nobody has named yet.
	empty State
}

// reach makes sure that the slots exist.
func (s *slots[State, Row, Value, A]) reach(numbers []uint32) {
	most := len(s.states)
	for _, slot := range numbers {
		most = max(most, int(slot)+1)
	}
	if most > len(s.states) {
		s.states = append(s.states, make([]State, most-len(s.states))...)
	}
}

func (s *slots[State, Row, Value, A]) state(slot uint32) *State {
	if int(slot) < len(s.states) {
		return &s.states[slot]
	}
	var zero State
	s.empty = zero
	return &s.empty
}

func (s *slots[State, Row, Value, A]) Accumulate(numbers []uint32, columns []core.Column) (refused *core.Error) {
	defer recovered(&refused)
	if refused := s.fill(len(numbers), columns); refused != nil {
		return refused
	}
	s.reach(numbers)
	rows, states, aggregate := s.rows[:len(numbers)], s.states, s.aggregate
	valid := s.combined(columns)
	if valid == nil {
		for at := range rows {
			aggregate.Add(&states[numbers[at]], &rows[at])
		}
		return nil
	}
	// Eight rows at a time: where none of them is NULL, no row is asked.
	for first := 0; first < len(rows); first += 8 {
		mask := uint(valid[first/8])
		if left := len(rows) - first; left < 8 {
			mask &= 1<<left - 1
		}
		if mask == 0xff {
			for at := first; at < first+8; at++ {
				aggregate.Add(&states[numbers[at]], &rows[at])
			}
			continue
		}
		for ; mask != 0; mask &= mask - 1 {
			at := first + bits.TrailingZeros(mask)
			aggregate.Add(&states[numbers[at]], &rows[at])
		}
	}
	return nil
}

// fill makes rows of columns, one column after the other.
func (s *slots[State, Row, Value, A]) fill(count int, columns []core.Column) *core.Error {
	if len(columns) != len(s.reducer.row) {
		return &core.Error{Text: "the call has another number of arguments"}
	}
	if len(s.rows) < count {
		s.rows = make([]Row, count)
	}
	for at, argument := range s.reducer.row {
		if columns[at].Type != argument.kind || columns[at].Rows != count {
			return &core.Error{Text: "an argument is of another type, or has another number of rows"}
		}
		if count > 0 {
			argument.fill(unsafe.Pointer(&s.rows[0]), unsafe.Sizeof(s.rows[0]), &columns[at])
		}
	}
	return nil
}

// combined gives the rows in which no argument is NULL; nil = all.
func (s *slots[State, Row, Value, A]) combined(columns []core.Column) []byte {
	var valid []byte
	for _, column := range columns {
		switch {
		case column.Valid == nil:
		case valid == nil:
			valid = column.Valid
		default:
			s.valid = append(s.valid[:0], valid...)
			for at := range s.valid {
				s.valid[at] &= column.Valid[at]
			}
			valid = s.valid
		}
	}
	return valid
}

func (s *slots[State, Row, Value, A]) Merge(into, source []uint32) {
	s.reach(into)
	for at, slot := range into {
		s.aggregate.Merge(&s.states[slot], s.state(source[at]))
	}
}

func (s *slots[State, Row, Value, A]) Evaluate(numbers []uint32) (core.Column, []core.FailedRow) {
	column := core.Column{Type: s.reducer.signature.Returns, Rows: len(numbers), Valid: make([]byte, (len(numbers)+7)/8)}
	if column.Type == core.Boolean {
		column.Booleans = make([]byte, len(column.Valid))
	}
	var failed []core.FailedRow
	for row, slot := range numbers {
		value, ok, refused := s.value(slot)
		if refused != nil {
			failed = append(failed, core.FailedRow{Row: uint32(row), Why: refused.Text})
		}
		if ok {
			column.Valid[row/8] |= 1 << (row % 8)
		}
		push(&column, row, value)
	}
	return column, failed
}

func (s *slots[State, Row, Value, A]) value(slot uint32) (value Value, ok bool, refused *core.Error) {
	defer recovered(&refused)
	value, ok = s.aggregate.Value(s.state(slot))
	return value, ok, nil
}

// push appends a result to the values of a column.
func push[Value any](column *core.Column, row int, value Value) {
	switch value := any(value).(type) {
	case float64:
		column.Float64s = append(column.Float64s, value)
	case int64:
		column.Int64s = append(column.Int64s, value)
	case core.Timestamp:
		column.Int64s = append(column.Int64s, int64(value))
	case bool:
		if value {
			column.Booleans[row/8] |= 1 << (row % 8)
		}
	case string:
		column.PushText(strings.ToValidUTF8(value, "?"))
	case []byte:
		column.PushText(strings.ToValidUTF8(string(value), "?"))
	}
}

func (s *slots[State, Row, Value, A]) Snapshot(numbers []uint32) (ends []uint32, bytes []byte) {
	for _, slot := range numbers {
		bytes = s.reducer.codec.write(unsafe.Pointer(s.state(slot)), bytes)
		ends = append(ends, uint32(len(bytes)))
	}
	return ends, bytes
}

func (s *slots[State, Row, Value, A]) Restore(version uint32, numbers, ends []uint32, bytes []byte) *core.Error {
	if version != s.reducer.about.StateVersion {
		return &core.Error{Kind: core.UnsupportedVersion, Version: version}
	}
	corrupt := &core.Error{Kind: core.Corrupt, Text: "the bytes are no state of this function"}
	if len(ends) != len(numbers) {
		return corrupt
	}
	fresh, start := make([]State, len(numbers)), uint32(0)
	for at, end := range ends {
		if end < start || int(end) > len(bytes) {
			return corrupt
		}
		rest, ok := s.reducer.codec.read(unsafe.Pointer(&fresh[at]), bytes[start:end])
		if !ok || len(rest) != 0 {
			return corrupt
		}
		start = end
	}
	s.reach(numbers)
	for at, slot := range numbers {
		s.states[slot] = fresh[at]
	}
	return nil
}

func (s *slots[State, Row, Value, A]) Release(numbers []uint32) {
	var zero State
	for _, slot := range numbers {
		if int(slot) < len(s.states) {
			s.states[slot] = zero
		}
	}
}
