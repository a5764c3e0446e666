// {function}: posts each row to a chat, as a JSON object with the field `text`.
package main

import (
	"strings"

	"{name}/streamgauge"
)

// Chat is what WITH says.
type Chat struct {
	Url string `docs:"where to: https://... or secret('NAME')"`
}

// Request is the request of a row. Answers are judged as HTTP says: 2xx is delivered, 429 and 5xx are tried again, all others are rejected.
// A method Judge(response *streamgauge.Response) streamgauge.Outcome would do it otherwise. Requests, with ExportBatchSink, makes one
// request of several rows.
func (c *Chat) Request(row *streamgauge.Row) streamgauge.Request {
	var parts []string
	for column := range row.Len() {
		parts = append(parts, row.Name(column)+" "+row.Text(column))
	}
	return streamgauge.PostJSON(c.Url, map[string]string{"text": strings.Join(parts, ", ")})
}

func init() {
	streamgauge.ExportSink(&Chat{}, streamgauge.About{Name: "{function}", Docs: "One message a row in a chat"})
}

func main() {}
