"""`{function}(x, offset)`: the geometric mean of the values, to each of which an offset is added.

It is exp(sum(ln(x + offset)) / count) - offset: NaN where a value is below -offset, and 0 - offset where one is equal to it.
"""

from streamgauge import U64, Aggregate, exp, export, ln, parameter, state


@state
class Logs:
    """What is kept of the rows of one group in one slice of time. Its default is the state without rows."""

    count: U64
    sum: float


class GeoMean(Aggregate):
    """The geometric mean of the values"""

    name = "{function}"
    # Sums of doubles differ in their last bits where they are added in another order.
    tolerance = 1e-9
    offset: float = parameter("is added to each value before its logarithm is taken", 0.0, within=(0.0, 1e6))

    # One column of DOUBLE. Rows where it is NULL are left out.
    def add(self, state: Logs, value: float):
        state.count += 1
        state.sum += ln(value + self.offset)

    # Two rules: it changes `state` in place and returns nothing, and it leaves `other` as it is, which is merged elsewhere, too.
    def merge(self, state: Logs, other: Logs):
        state.count += other.count
        state.sum += other.sum

    # None is NULL.
    def value(self, state: Logs) -> float | None:
        return exp(state.sum / state.count) - self.offset if state.count else None


export(GeoMean)
