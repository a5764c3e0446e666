package streamgauge

// The functions that the host calls.
import _ "MODULE/streamgauge/internal/bindings/wit_exports"
