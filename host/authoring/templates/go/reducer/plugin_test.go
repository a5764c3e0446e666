package main

import (
	"math"
	"testing"
)

func TestTheMeanOfTwoAndEightIsFour(t *testing.T) {
	mean, first, second := &GeoMean{}, &Logs{}, &Logs{}
	mean.Add(first, &Row{X: 2})
	mean.Add(second, &Row{X: 8})
	mean.Merge(first, second)
	if found, ok := mean.Value(first); !ok || math.Abs(found-4) > 1e-12 {
		t.Errorf("%v %v", found, ok)
	}
	if _, ok := mean.Value(&Logs{}); ok {
		t.Error("without rows it is NULL")
	}
}
