// {function}(x, offset): the geometric mean of the values, to each of which an offset is added: exp(sum(ln(x + offset)) / count) - offset.
// It is NaN where a value is below -offset, and 0 - offset where one is equal to it.
package main

import (
	"errors"
	"math"

	"{name}/streamgauge"
)

// GeoMean is what a call was opened with.
type GeoMean struct {
	Offset float64 `default:"0" docs:"is added to each value before its logarithm is taken"`
}

// Row is the arguments: one column of DOUBLE. Rows where it is NULL are left out.
type Row struct {
	X float64
}

// Logs is what is kept of the rows of one group in one slice of time. Its zero value is the state without rows.
type Logs struct {
	Count uint64
	Sum   float64
}

func (g *GeoMean) Open() error {
	if !(g.Offset >= 0 && g.Offset <= 1e6) {
		return errors.New("`offset` must be a number from 0 to 1000000")
	}
	return nil
}

func (g *GeoMean) Add(state *Logs, row *Row) {
	state.Count++
	state.Sum += math.Log(row.X + g.Offset)
}

// Merge has two rules: it changes state, and leaves other as it is, which is merged elsewhere, too.
func (g *GeoMean) Merge(state, other *Logs) {
	state.Count += other.Count
	state.Sum += other.Sum
}

// Value gives false for NULL.
func (g *GeoMean) Value(state *Logs) (float64, bool) {
	return math.Exp(state.Sum/float64(state.Count)) - g.Offset, state.Count > 0
}

func init() {
	// Sums of doubles differ in their last bits where they are added in another order.
	streamgauge.Export(&GeoMean{}, streamgauge.About{Name: "{function}", Docs: "The geometric mean of the values", Tolerance: 1e-9})
}

func main() {}
