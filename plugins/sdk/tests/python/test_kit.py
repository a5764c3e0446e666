"""The kit for Python: the bytes of states, and what native tests of an author use."""

import math
import sys
import unittest
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.dont_write_bytecode = True
sys.path.insert(0, str(TESTS.parent / "python"))

from streamgauge import I128, U8, U32, U64, Aggregate, EventTime, Sink, Timestamp, exp, fold, ln, option, parameter, state
from streamgauge.aggregate import Signature
from streamgauge.sink import Response, judge_http, text_of
from streamgauge.stored import Corrupt, from_bytes, stored, to_bytes

LINES = [line.split() for line in (TESTS / "stored.txt").read_text().splitlines() if not line.startswith("#")]
VALUES = {
    "true": (bool, True), "u8": (U8, 7), "u32": (U32, 2**32 - 1), "u64": (U64, 2**53), "least": (int, -(2**53)),
    "i128": (I128, -5), "infinite": (float, -math.inf), "text": (str, "éa"), "some": (int | None, -1), "none": (int | None, None),
    "list": (list[float], [0.5, 0.0, -1.0]), "long": (list[U8], [7] * 200), "texts": (list[str], ["", "é"]),
    "map": (dict[str, U64], {"\U00010000": 3, "A": 1, "\uff5e": 2}), "parts": (tuple[bool, float, int | None], (True, 2.5, 3)),
}


@state
class Last:
    at: Timestamp | None
    texts: list[str]
    best: tuple[float, int]


class Latest(Aggregate):
    """The latest text"""

    name = "latest"
    limit: int = parameter("is how many", 3, within=(1, 10))

    def add(self, state: Last, text: str, time: EventTime):
        if state.at is None or time > state.at:
            state.at = Timestamp(time)
        state.texts.append(text)

    def merge(self, state: Last, other: Last):
        state.texts += other.texts

    def value(self, state: Last) -> str | None:
        return ",".join(state.texts[: self.limit]) or None


class Bytes(unittest.TestCase):
    def test_states_have_the_bytes_of_all_kits(self):
        self.assertEqual([name for name, _ in LINES], list(VALUES))
        for name, due in LINES:
            part, value = stored(VALUES[name][0]), VALUES[name][1]
            data = to_bytes(part, value)
            self.assertEqual(data.hex(), due, name)
            self.assertEqual(from_bytes(part, data), value, name)
            for cut in range(len(data)):
                with self.assertRaises(Corrupt, msg=f"{name} cut at {cut}"):
                    from_bytes(part, data[:cut])
            with self.assertRaisesRegex(Corrupt, "1 bytes too many"):
                from_bytes(part, data + b"\0")

    def test_what_is_never_written_is_refused(self):
        for annotation, data in [
            (bool, "02"), (str, "01ff"), (dict[U8, U8], "0202000100"), (dict[U8, U8], "0201000100"), (list[float], "ff" * 9 + "01"),
            (list[float], "ff" * 10), (list[str], "ffffffffff01"),
        ]:
            with self.assertRaises(Corrupt, msg=data):
                from_bytes(stored(annotation), bytes.fromhex(data))

    def test_whole_numbers_are_cut_to_their_lowest_bits(self):
        self.assertEqual(from_bytes(stored(int), to_bytes(stored(int), 2**63)), -(2**63))
        self.assertEqual(to_bytes(stored(tuple[U8, float]), (257, 0.0))[0], 1)

    def test_annotations_without_a_place_are_told(self):
        for annotation in (set[int], dict[float, int], object, int | float):
            with self.assertRaisesRegex(TypeError, "has no place in a state"):
                stored(annotation)


class Aggregates(unittest.TestCase):
    def test_annotations_give_the_signature(self):
        signature = Signature(Latest)
        self.assertEqual((signature.arguments, signature.needs_time, signature.returns), (["text"], True, "text"))
        self.assertEqual((signature.types, signature.state_size), (["text", "timestamp"], None))
        self.assertEqual([(field.name, field.data_type) for field in signature.fields], [("limit", "int64")])

    def test_states_begin_empty_and_are_not_shared(self):
        one, other = Last(), Last()
        one.texts.append("a")
        self.assertEqual((other.at, other.texts, other.best), (None, [], (0.0, 0)))

    def test_parameters_are_checked(self):
        self.assertEqual(fold(Latest(limit=2), [("a", 1), (None, 2), ("b", 3), ("c", 4)]), "a,b")
        for wrong in (0, 11, 1.5, True, None, "1"):
            with self.assertRaisesRegex(ValueError, "`limit` must be a whole number from 1 to 10"):
                Latest(limit=wrong)

    def test_logarithms_and_powers_are_those_of_ieee_754(self):
        self.assertEqual((ln(0.0), ln(-0.0), ln(math.inf), exp(1000.0), exp(-1000.0)), (-math.inf, -math.inf, math.inf, math.inf, 0.0))
        self.assertTrue(math.isnan(ln(-1.0)) and math.isnan(ln(math.nan)) and math.isnan(exp(math.nan)))


class Sinks(unittest.TestCase):
    def test_an_answer_is_judged_as_http_says(self):
        judge = lambda status, headers=(), body=b"": judge_http(Response(status, list(headers), body))
        kinds = {status: judge(status).kind for status in (200, 204, 301, 400, 404, 408, 410, 425, 429, 500, 503, 0, 65535)}
        self.assertEqual([status for status, kind in kinds.items() if kind == "delivered"], [200, 204])
        self.assertEqual([status for status, kind in kinds.items() if kind == "retry"], [408, 425, 429, 500, 503])
        for after, due in [("7", 7000), ("", None), ("-1", None), ("soon", None), ("9" * 400, 2**64 - 1), ("٣", None)]:
            self.assertEqual(judge(503, [("retry-after", after)]).detail, due, after)
        self.assertEqual(judge(400, body=b"\x1ba\r\n b \xff").detail, "the receiver answered 400: a b \ufffd")
        self.assertEqual(judge(400, body="é".encode() * 5000).detail, "the receiver answered 400: " + "é" * 200 + "…")

    def test_values_are_texts_for_people(self):
        micros = 1_767_225_900_123_999
        texts = [("timestamp", micros), ("timestamp", 0), ("timestamp", -(2**63)), ("float64", 400.0), ("boolean", True), ("text", None)]
        due = ["2026-01-01T00:05:00.123Z", "1970-01-01T00:00:00Z", f"{-(2**63)} µs", "400", "true", "NULL"]
        self.assertEqual([text_of(*pair) for pair in texts], due)

    def test_options_are_checked(self):
        class Chat(Sink):
            """One message a row"""

            name = "chat"
            url: str = option("where to")

        self.assertEqual(Chat(url="https://x").url, "https://x")
        with self.assertRaisesRegex(ValueError, "`url` must be a text"):
            Chat(url=None)
