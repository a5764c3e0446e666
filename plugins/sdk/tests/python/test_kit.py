"""The kit for Python: the bytes of states, and what native tests of an author use."""

import math
import re
import sys
import unittest
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.dont_write_bytecode = True
sys.path.insert(0, str(TESTS.parent / "python"))

import dataclasses
import datetime
import typing

from streamgauge import (
    I128, U8, U32, U64, Aggregate, EventTime, Row, Sink, Timestamp, by_window, delivered, exp, export, fold, ln, option, parameter, post_json,
    rejected, retry, state,
)
from streamgauge.aggregate import Signature
from streamgauge.sink import Response, carried, judge_http, judged, text_of
from streamgauge.stored import Corrupt, from_bytes, stored, to_bytes
from streamgauge.told import Mistake, told

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


@state
class Inner:
    flag: bool


@state
class All:
    count: U64
    sum: float
    at: Timestamp | None
    name: str
    seen: dict[str, int]
    some: list[float]
    best: tuple[float, int]
    inner: Inner
    wide: I128


class Places(unittest.TestCase):
    """Mistakes name the class, the field or method, and what to write."""

    def refused(self, words, call, *arguments):
        with self.assertRaises(Mistake) as caught:
            call(*arguments)
        self.assertIn(words, str(caught.exception))

    def test_a_value_of_another_type_names_its_field(self):
        for field, value, words in [
            ("count", 0.5, "`All.count` is U64 and got 0.5 (float)"), ("count", None, "`All.count` is U64 and got None (NoneType)"),
            ("count", int, "`All.count` is U64 and got <class 'int'> (type)"), ("sum", "1", "`All.sum` is float and got '1' (str)"),
            ("sum", 10**400, "`All.sum` is float and got 1000"), ("at", 0.5, "`All.at` is Timestamp and got 0.5 (float)"),
            ("name", 7, "`All.name` is str and got 7 (int)"), ("name", "\ud800", "`All.name` is a text with half of a surrogate pair"),
            ("seen", {"a": 0.5}, "`All.seen['a']` is int and got 0.5"), ("seen", {1: 1}, "`a key of All.seen` is str and got 1"),
            ("some", [1.0, "x"], "`All.some[1]` is float and got 'x'"), ("some", {1.0}, "`All.some` is list[float] and got {1.0} (set)"),
            ("best", (1.0,), "`All.best` is tuple[float, int] and got (1.0,)"), ("best", (1.0, 0.5), "`All.best[1]` is int and got 0.5"),
            ("inner", None, "`All.inner` is Inner and got None"), ("inner", Inner(1), "`Inner.flag` is bool and got 1 (int)"),
            ("wide", "1", "`All.wide` is I128 and got '1' (str)"), ("some", ["x" * 100], "x… (str)"),
        ]:
            made = All()
            setattr(made, field, value)
            self.refused(words, All.stored_as.check, made)
            if words.startswith("`All.seen[") or field in ("count", "name"):
                self.refused(words, to_bytes, All.stored_as, made)
        for right in (All(), All(count=2**64 + 1, sum=3, at=5, wide=-(2**200))):
            All.stored_as.check(right)

    def test_only_the_end_of_a_long_list_is_looked_at_after_a_batch(self):
        made = All(some=["x"] + [1.0] * 100)
        All.stored_as.check(made, recent=100)
        self.refused("`All.some[0]`", All.stored_as.check, made)
        self.refused("`All.some[0]`", lambda: All.stored_as.check(made, recent=101))
        made = All(seen={"a": "x", **{str(key): key for key in range(100)}})
        All.stored_as.check(made, recent=100)
        self.refused("`All.seen['a']`", All.stored_as.check, made)

    def test_fields_that_have_no_place_in_a_state(self):
        def made(annotation):
            return state(type("Mine", (), {"__annotations__": {"field": annotation}}))

        for annotation, words in [
            (set[float], "`Mine.field`: set[float] has no place in a state: use list[float]"), (list, "list has no place in a state: use list[float]"),
            (set[str], "use dict[str, bool]"), (dict, "use dict[str, float]"), (tuple, "use tuple[float, int]"), (tuple[float, ...], "use list[float]"),
            (list[set[int]], "`Mine.field`: set[int]"), (dict[float, int], "keys are texts"), (datetime.datetime, "datetime has no place"),
            (Latest, "write @state above `class Latest`"), (int | str, "int | str has no place"), ("Nowhere", "`Mine`: an annotation cannot be read"),
        ]:
            self.refused(words, made, annotation)

    def test_classes_that_are_no_states(self):
        for fields, annotations, words in [
            ({"count": 0}, {}, "`Mine.count` has no annotation, so it would not be kept: write `count: int`"),
            ({"texts": []}, {"texts": list[str]}, "`Mine.texts` has the default [], which all states would share; without a default it begins empty: "
             "write `texts: list[str]`"),
            ({"some": [1.0]}, {"some": list[float]}, "write `some: list[float] = dataclasses.field(default_factory=lambda: [1.0])`"),
            ({"count": 0.5}, {"count": U64}, "`Mine.count` is U64 and got 0.5 (float)"),
        ]:
            self.refused(words, state, type("Mine", (), {**fields, "__annotations__": annotations}))
        self.refused("@state stands above a class", state, 5)

        @state
        class Right:
            LIMIT: typing.ClassVar[int] = 3
            least: float = 5.0
            some: list[float] = dataclasses.field(default_factory=lambda: [1.0])

            def twice(self):
                return 2 * self.least

        self.assertEqual((Right().some, Right().twice(), Right.stored_as.names), ([1.0], 10.0, ["least", "some"]))

    def test_methods_that_are_missing_or_say_no_types(self):
        class Plain:
            pass

        def add(self, state: Last, x: float): ...
        def merge(self, state: Last, other: Last): ...
        def value(self, state: Last) -> float | None: ...
        def without_type(self, state: Last, x): ...
        def nullable(self, state: Last, x: float | None): ...
        def strange(self, state: Last, x: datetime.datetime): ...
        def many(self, state: Last, *x: float): ...
        def of_plain(self, state: Plain, x: float): ...
        def without_arrow(self, state: Last): ...
        def of_two(self, state: Last) -> int | str: ...
        def of_one(self, state: Last): ...

        right = {"name": "mine", "add": add, "merge": merge, "value": value}
        for changes, words in [
            ({"add": None}, "`Mine` has no method `add`"), ({"merge": None}, "`Mine` has no method `merge`: write `def merge(self, state: Last, other"),
            ({"value": None}, "`Mine` has no method `value`: write `def value(self, state: Last) -> float | None`"),
            ({"value": without_arrow}, "`Mine.value` does not say the type of its result: write `def value(self, state: Last) -> float | None`"),
            ({"value": of_two}, "`Mine.value` is int | str: a result has one type"), ({"merge": of_one}, "`Mine.merge`: too many positional arguments"),
            ({"add": without_type}, "`Mine.add`: `x` needs an annotation"), ({"add": of_plain}, "`Mine.add`: the state is Plain, and has to be a class with"),
            ({"add": nullable}, "`Mine.add`: `x` is float | None, but rows with NULL do not reach `add`: write `x: float`"),
            ({"add": strange}, "`Mine.add(x)` is datetime, which is no type of SQL: use Timestamp"), ({"add": many}, "`*x: float` is no column"),
            ({"name": None}, "`Mine` has no `name`: write `name = \"mine\"`"),
            ({"a": parameter("docs", 1.0, within=5), "__annotations__": {"a": float}}, "`Mine.a`: `within` is the least and the greatest number"),
            ({"a": parameter("docs", 1.0, above="x"), "__annotations__": {"a": float}}, "`Mine.a`: `above` is a number"),
            ({"a": parameter("docs", 9.0, within=(0, 1)), "__annotations__": {"a": float}}, "`Mine.a`: `a` must be a number from 0 to 1, and its default is 9.0"),
            ({"a": parameter("docs", 1.0)}, "`Mine.a` needs an annotation"),
        ]:
            fields = {name: field for name, field in {**right, **changes}.items() if field is not None}
            self.refused(words, export, type("Mine", (Aggregate,), fields))
        export(type("Mine", (Aggregate,), right))
        self.refused("write export(Latest)", export, Latest())
        self.refused("`Plain` is neither an aggregate nor a sink", export, Plain)
        self.refused("`Post` has no method `request`", export, type("Post", (Sink,), {"name": "post"}))
        self.refused("write `def judge(self, response)`", export, type("Post", (Sink,), {"name": "post", "request": of_one, "judge": lambda self: 1}))

    def test_exceptions_carry_the_line_and_the_method(self):
        class Failing(Latest):
            def add(self, state: Last, text: str, time: EventTime):
                int(text)

            def value(self, state: Last) -> str | None:
                return helper()

        def helper():
            return {}["a"]

        try:
            fold(Failing(), [("x", 1)])
        except ValueError as error:
            line = Failing.add.__code__.co_firstlineno + 1
            self.assertRegex(told(error), rf"^ValueError: invalid literal .* \(test_kit.py, line {line}, in add; \w+ called it in line \d+\)$")
        self.assertEqual((told(Mistake("no")), told(ValueError("no")), told(ValueError())), ("no", "ValueError: no", "ValueError"))

    def test_rules_of_merge(self):
        class Returning(Latest):
            def merge(self, state: Last, other: Last):
                return Last()

        class Changing(Latest):
            def merge(self, state: Last, other: Last):
                other.texts.append("x")

        rows = [("a", 1), ("b", 2)]
        self.refused("`Returning.merge` must change `state` in place; its return value is ignored", fold, Returning(), rows, 2)
        self.refused("`Changing.merge` changed `other`", fold, Changing(), rows, 2)


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

    def test_bounds_are_told_in_few_digits(self):
        words = lambda within, data_type: dataclasses.replace(parameter("", within=within), data_type=data_type).words()
        self.assertEqual(words((-1e300, 1e300), "float64"), "a number from -1e300 to 1e300")
        self.assertEqual(words((0.0, 1e6), "float64"), "a number from 0 to 1000000")
        self.assertEqual(words((1e-300, 10**18), "float64"), "a number from 1e-300 to 1000000000000000000")

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

    def test_rows_of_a_window_go_into_one_request(self):
        rows = [Row("q", [], [], f"key-{number}", "insert", 0, window) for number, window in enumerate([(0, 1), (0, 1), (0, 1), (1, 2), None])]
        self.assertEqual([len(group) for group in by_window(rows)], [3, 1, 1])
        self.assertEqual([len(group) for group in by_window(rows, most=2)], [2, 1, 1, 1])

        class Windows(Sink):
            name = "windows"

            def requests(self, rows):
                for of in by_window(rows):
                    yield post_json("https://x", len(of), key=of[0].key), of

        made = carried(Windows(), rows)
        self.assertEqual([(request.body, count) for request, count in made], [(b"3", 3), (b"1", 1), (b"1", 1)])
        self.assertIn(("idempotency-key", '"key-3"'), made[1][0].headers)
        self.assertEqual(carried(Windows(), []), [])

        post = post_json("https://x", 1)
        for wrong, words in [
            (lambda rows: [(post, rows[:2])], "left out the rows from row 3 of 5 on"), (lambda rows: post, "`Wrong.requests` returned Request"),
            (lambda rows: [(post, rows[1:])], "request 1 does not carry the rows from row 1 of 5 on"), (lambda rows: [post], "`Wrong.requests` gave Request"),
            (lambda rows: [(post, rows), (post, [])], "request 2 does not carry"), (lambda rows: None, "returned None (NoneType): yield each request"),
            (lambda rows: [(post, rows), (post, rows)], "request 2 does not carry"), (lambda rows: [({}, rows)], "gave {} (dict) where a request is due"),
        ]:
            with self.assertRaisesRegex(Mistake, re.escape(words)):
                carried(type("Wrong", (Sink,), {"requests": lambda self, rows: wrong(rows)})(), rows)

    def test_what_judge_may_not_return(self):
        judging = lambda outcome: judged(type("Judge", (Sink,), {"judge": lambda self, response: outcome})(), None)
        for right in (delivered, retry(), retry(7), rejected("no")):
            self.assertEqual(judging(right), right)
        for wrong, name in [(True, "bool"), (None, "NoneType"), (retry, "function")]:
            with self.assertRaisesRegex(Mistake, f"`judge` returned {name}: return delivered, retry"):
                judging(wrong)
        for call, value in [(retry, 1.5), (retry, -1), (retry, True), (rejected, 5)]:
            with self.assertRaises(Mistake):
                call(value)

    def test_numbers_that_json_lacks_are_null(self):
        value = {"a": [math.nan, 1.5, (math.inf,)], "b": -math.inf, "c": "NaN", 0.5: 1}
        self.assertEqual(post_json("https://x", value).body, b'{"a":[null,1.5,[null]],"b":null,"c":"NaN","0.5":1}')
