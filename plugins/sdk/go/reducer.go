package streamgauge

import (
	"fmt"
	"reflect"

	"MODULE/streamgauge/internal/core"
)

// EventTime is the type of the last field of a row, for the time of the event. It is no argument of the call.
type EventTime = core.EventTime

// Aggregate is an aggregate function. The exported fields of its type are the parameters of a call; a method Open() error, where there
// is one, looks at them.
//
// State is a struct whose exported fields are kept in checkpoints; its zero value is the state without rows. Row is a struct whose
// exported fields are the arguments: float64, int64, bool, string (or []byte, which is there until Add ends), Timestamp; EventTime last.
// Rows of which an argument is NULL are left out. Value gives false for NULL. A panic refuses the row or the group, with its text.
type Aggregate[State, Row, Value any] interface {
	Add(state *State, row *Row)
	Merge(state, other *State)
	Value(state *State) (Value, bool)
}

// Export makes the plugin of a pointer to an aggregate function.
func Export[State, Row, Value any, A Aggregate[State, Row, Value]](aggregate A, about About) {
	core.ExportedReducer = newReducer[State, Row, Value](aggregate, about)
}

// reducer is an aggregate as the bindings see it.
type reducer[State, Row, Value any, A Aggregate[State, Row, Value]] struct {
	about     About
	pointer   reflect.Type
	signature core.Signature
	codec     codec
	row       []argument
	// wrong says what is wrong with the types; a call is refused with it.
	wrong error
}

func newReducer[State, Row, Value any, A Aggregate[State, Row, Value]](aggregate A, about About) *reducer[State, Row, Value, A] {
	r := &reducer[State, Row, Value, A]{about: about.filled(), pointer: reflect.TypeOf(aggregate)}
	r.wrong = r.describe()
	return r
}

func (r *reducer[State, Row, Value, A]) describe() error {
	var err error
	s := &r.signature
	s.Tolerance, s.StateVersion = r.about.Tolerance, r.about.StateVersion
	if r.pointer.Kind() != reflect.Pointer || r.pointer.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("Export takes a pointer to a struct, not %s", r.pointer)
	}
	if s.Parameters, err = fieldsOf(r.pointer.Elem()); err != nil {
		return err
	}
	if r.row, err = argumentsOf(reflect.TypeFor[Row]()); err != nil {
		return err
	}
	for _, argument := range r.row {
		if argument.isTime {
			s.NeedsTime = true
		} else {
			s.Arguments = append(s.Arguments, argument.kind)
		}
	}
	if s.Returns, err = dataType(reflect.TypeFor[Value]()); err != nil {
		return fmt.Errorf("the value: %w", err)
	}
	if r.codec, err = codecOf(reflect.TypeFor[State]()); err != nil {
		return err
	}
	size := max(r.codec.most, int(reflect.TypeFor[State]().Size()))
	s.Grows, s.BytesMax = r.codec.grows, uint32(size)
	return nil
}

func (r *reducer[State, Row, Value, A]) About() (name, version, docs string) {
	return r.about.Name, r.about.Version, r.about.Docs
}

func (r *reducer[State, Row, Value, A]) Signature() core.Signature { return r.signature }

func (r *reducer[State, Row, Value, A]) Open(parameters []any) (core.Accumulators, *core.Error) {
	if r.wrong != nil {
		return nil, &core.Error{Text: r.wrong.Error()}
	}
	aggregate := reflect.New(r.pointer.Elem())
	if refused := set(aggregate.Elem(), parameters); refused != nil {
		return nil, refused
	}
	if refused := open(aggregate.Interface()); refused != nil {
		return nil, refused
	}
	return &slots[State, Row, Value, A]{reducer: r, aggregate: aggregate.Interface().(A)}, nil
}
