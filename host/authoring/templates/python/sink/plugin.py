"""`{function}`: posts each row to a chat, as a JSON object with the field `text`."""

from streamgauge import Row, Sink, export, option, post_json


class Chat(Sink):
    """One message a row in a chat"""

    name = "{function}"
    url: str = option("where to: https://... or secret('NAME')")

    # Answers are judged as HTTP says: 2xx is delivered, 429 and 5xx are tried again, all others are rejected. A method
    # `judge(self, response)` here would do it otherwise. A method `requests(self, rows)` in place of this one makes one request of
    # several rows.
    def request(self, row: Row):
        text = ", ".join(f"{column} {value}" for column, value in row.texts())
        return post_json(self.url, {"text": text})


export(Chat)
