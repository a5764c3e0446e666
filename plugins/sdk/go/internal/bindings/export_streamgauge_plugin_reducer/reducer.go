// The functions that the bindings call.
package export_streamgauge_plugin_reducer

import (
	"runtime"

	"MODULE/streamgauge/internal/bindings/streamgauge_plugin_columns"
	"MODULE/streamgauge/internal/bindings/streamgauge_plugin_reducer"
	"MODULE/streamgauge/internal/core"
	"go.bytecodealliance.org/pkg/wit/types"
)

// Accumulators is the resource. The bindings use its first two fields and OnDrop.
type Accumulators struct {
	pinner runtime.Pinner
	handle int32
	states core.Accumulators
}

func (a *Accumulators) OnDrop() { a.states = nil }

type done = wit_types.Result[wit_types.Unit, streamgauge_plugin_columns.Error]

func result(err *core.Error) done {
	if err == nil {
		return wit_types.Ok[wit_types.Unit, streamgauge_plugin_columns.Error](wit_types.Unit{})
	}
	return wit_types.Err[wit_types.Unit, streamgauge_plugin_columns.Error](streamgauge_plugin_columns.LowerError(err))
}

func Describe() streamgauge_plugin_reducer.Descriptor {
	name, version, docs := core.ExportedReducer.About()
	from := core.ExportedReducer.Signature()
	types := make([]streamgauge_plugin_columns.DataType, 0, len(from.Arguments))
	for _, argument := range from.Arguments {
		types = append(types, streamgauge_plugin_columns.DataType(argument))
	}
	size := streamgauge_plugin_reducer.MakeStateSizeBounded(from.BytesMax)
	if from.Grows {
		size = streamgauge_plugin_reducer.MakeStateSizeGrowing()
	}
	return streamgauge_plugin_reducer.Descriptor{
		Name: name, Version: version, Docs: docs,
		Signatures: []streamgauge_plugin_reducer.Signature{{
			Arguments:    types,
			Parameters:   streamgauge_plugin_columns.LowerFields(from.Parameters),
			Returns:      streamgauge_plugin_columns.DataType(from.Returns),
			NeedsTime:    from.NeedsTime,
			Tolerance:    from.Tolerance,
			State:        size,
			StateVersion: from.StateVersion,
		}},
	}
}

func AccumulatorsOpen(signature uint32, parameters []streamgauge_plugin_columns.Literal) wit_types.Result[*Accumulators, streamgauge_plugin_columns.Error] {
	var states core.Accumulators
	err := &core.Error{Text: "there is no such signature"}
	if signature == 0 {
		states, err = core.ExportedReducer.Open(streamgauge_plugin_columns.LiftLiterals(parameters))
	}
	if err != nil {
		return wit_types.Err[*Accumulators, streamgauge_plugin_columns.Error](streamgauge_plugin_columns.LowerError(err))
	}
	return wit_types.Ok[*Accumulators, streamgauge_plugin_columns.Error](&Accumulators{states: states})
}

func (a *Accumulators) Accumulate(slots []uint32, arguments []streamgauge_plugin_columns.Column) done {
	return result(a.states.Accumulate(slots, streamgauge_plugin_columns.LiftColumns(arguments)))
}

func (a *Accumulators) Merge(into []uint32, source []uint32) { a.states.Merge(into, source) }

func (a *Accumulators) Evaluate(slots []uint32) streamgauge_plugin_reducer.Evaluated {
	column, failed := a.states.Evaluate(slots)
	evaluated := streamgauge_plugin_reducer.Evaluated{Column: streamgauge_plugin_columns.LowerColumn(column)}
	for _, row := range failed {
		evaluated.Failed = append(evaluated.Failed, streamgauge_plugin_columns.FailedRow{Row: row.Row, Why: row.Why})
	}
	return evaluated
}

func (a *Accumulators) Snapshot(slots []uint32) streamgauge_plugin_columns.BytesList {
	ends, bytes := a.states.Snapshot(slots)
	return streamgauge_plugin_columns.BytesList{Ends: ends, Bytes: bytes}
}

func (a *Accumulators) Restore(version uint32, slots []uint32, states streamgauge_plugin_columns.BytesList) done {
	return result(a.states.Restore(version, slots, states.Ends, states.Bytes))
}

func (a *Accumulators) Release(slots []uint32) { a.states.Release(slots) }
