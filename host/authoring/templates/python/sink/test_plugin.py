"""python3 -m unittest"""

import sys
import unittest

sys.path.append("vendor")

from plugin import Chat
from streamgauge.sink import Column, Response, Row, delivered, rejected, retry


class Tests(unittest.TestCase):
    def test_a_row_is_a_message(self):
        columns = [Column("model", "text"), Column("mean", "float64")]
        row = Row("latency", columns, ['large "x"', 400.0], "key-1", "insert", 0, None)
        request = Chat(url="https://chat.example.com/hook").request(row)
        self.assertEqual(request.body.decode(), '{"text":"model large \\"x\\", mean 400"}')

    def test_an_answer_is_judged_as_http_says(self):
        judge = Chat(url="https://chat.example.com/hook").judge
        self.assertEqual(judge(Response(204, [], b"")), delivered)
        self.assertEqual(judge(Response(429, [("retry-after", "7")], b"")), retry(7000))
        self.assertEqual(judge(Response(404, [], b"no_service\n")), rejected("the receiver answered 404: no_service"))
