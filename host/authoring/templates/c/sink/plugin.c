// {function}: posts each row to a chat, as a JSON object with the field `text`. kit/sink.h says what the macros mean.
#define NAME "{function}"
#define DOCS "One message a row in a chat"
#define OPTIONS(option) option(TEXT, url, "where to: https://... or secret('NAME')")
#include "kit/sink.h"

// Answers are judged as HTTP says: 2xx is delivered, 429 and 5xx are tried again, all others are rejected. `#define JUDGE judge` above, and a
// function of this name, would do it otherwise; `#define REQUESTS requests` makes one request of several rows.
static void request(Request *request, const Row *row, const Options *options) {
  Buffer message = {0};
  for (size_t column = 0; column < row->columns; column++) {
    if (column > 0) put(&message, ", ");
    put_text(&message, column_name(row, column));
    put(&message, " ");
    put_value(&message, row, column);
  }
  request->url = options->url;
  put(&request->body, "{\"text\":");
  put_json(&request->body, text_of_buffer(&message));
  put(&request->body, "}");
  free(message.bytes);
}
