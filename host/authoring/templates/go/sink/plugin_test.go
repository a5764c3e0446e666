package main

import (
	"testing"

	"{name}/streamgauge"
)

func TestARowWithoutColumnsIsAnEmptyMessage(t *testing.T) {
	request := (&Chat{Url: "https://chat.example.com/hook"}).Request(&streamgauge.Row{})
	if string(request.Body) != `{"text":""}` || request.Method != "POST" {
		t.Errorf("%s %s", request.Method, request.Body)
	}
}
