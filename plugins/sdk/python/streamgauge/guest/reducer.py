"""The interface `reducer` of the contract for the aggregates that `export` named."""

from collections import Counter, deque
from itertools import starmap

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import columns as c
from wit_world.exports import reducer as w

from ..aggregate import refuse_returned
from ..exported import signatures
from ..stored import Corrupt, from_bytes, to_bytes
from ..told import Mistake, told
from .columns import DATA_TYPES, bytes_list, column, field, given, invalid, values, without_nulls


class Accumulators(w.Accumulators):
    """The states of one call of the function, each in a numbered slot."""

    def __init__(self, signature, aggregate):
        self.signature = signature
        self.aggregate = aggregate
        self.states = []
        # What `merge` raised, by slot: the contract gives it no error, so that the next call which may have one tells it.
        self.broken = {}

    @classmethod
    def open(cls, signature, parameters):
        if signature >= len(signatures):
            raise invalid(f"there is no signature {signature}")
        found = signatures[signature]
        try:
            return cls(found, found.aggregate(**given(found.fields, parameters)))
        except ValueError as error:
            raise invalid(str(error)) from None
        except Err:
            raise
        except BaseException as error:
            raise invalid(told(error)) from None

    def _reach(self, slots):
        missing = max(slots, default=-1) + 1 - len(self.states)
        if missing > 0:
            empty = self.signature.state
            self.states.extend(empty() for _ in range(missing))

    def accumulate(self, slots, arguments):
        signature = self.signature
        if len(arguments) != len(signature.types):
            raise invalid(f"{len(signature.types)} arguments are due, not {len(arguments)}")
        if self.broken:
            raise invalid(next(iter(self.broken.values())))
        self._reach(slots)
        columns = [values(data_type, argument) for data_type, argument in zip(signature.types, arguments)]
        rows = zip(map(self.states.__getitem__, slots), *columns)
        try:
            # A deque takes all rows, and nothing but `add` is run in Python for each of them. What `add` returned stays in it.
            returned = deque(filter(None, starmap(self.aggregate.add, without_nulls(rows, arguments))), maxlen=1)
            refuse_returned(self.aggregate, "add", returned[0] if returned else None)
            self._check(slots)
        except BaseException as error:
            raise invalid(told(error)) from None

    def _check(self, slots):
        """Finds values in states that cannot be stored while the rows that made them are known. Of long lists it looks at as many items
        as rows have come, so that a batch does not cost more the longer they are; `evaluate` looks at all of them."""
        check, states = self.signature.stored.check, self.states
        for slot, rows in Counter(slots).items():
            try:
                check(states[slot], recent=rows)
            except Mistake as error:
                raise Mistake(f"{error} after `add`") from None

    def merge(self, into, source):
        self._reach(into)
        states, merge, length = self.states, self.aggregate.merge, len(self.states)
        for one, other in zip(into, source):
            if other < length:
                try:
                    if other in self.broken:
                        self.broken[one] = self.broken[other]
                    returned = merge(states[one], states[other])
                    if returned is not None:
                        refuse_returned(self.aggregate, "merge", returned)
                except BaseException as error:
                    self.broken[one] = f"merge: {told(error)}"

    def _value(self, slot, empty):
        if slot in self.broken:
            raise Mistake(self.broken[slot])
        state = self.states[slot] if slot < len(self.states) else empty
        self.signature.stored.check(state)
        return self.aggregate.value(state)

    def evaluate(self, slots):
        empty, results, failed = self.signature.state(), [], []
        for row, slot in enumerate(slots):
            try:
                results.append(self._value(slot, empty))
            except BaseException as error:
                results.append(None)
                failed.append((row, told(error)))
        packed, useless = column(self.signature.returns, results)
        return w.Evaluated(packed, [c.FailedRow(row, why) for row, why in sorted(failed + useless)])

    def snapshot(self, slots):
        stored, states, empty = self.signature.stored, self.states, self.signature.state()
        length = len(states)
        try:
            for slot in self.broken.keys() & set(slots) if self.broken else ():
                raise Mistake(self.broken[slot])
            return bytes_list([to_bytes(stored, states[slot] if slot < length else empty) for slot in slots])
        except BaseException as error:
            # The contract gives `snapshot` no error. Where no states come, the host tells the text in place of their bytes.
            return c.BytesList([], told(error).encode("utf-8", "replace"))

    def restore(self, state_version, slots, states):
        if state_version != self.signature.aggregate.state_version:
            raise Err(c.Error_UnsupportedVersion(state_version))
        restored, start = [], 0
        if len(states.ends) != len(slots):
            raise Err(c.Error_Corrupt(f"{len(states.ends)} states for {len(slots)} slots"))
        for end in states.ends:
            try:
                restored.append(from_bytes(self.signature.stored, states.bytes[start:end]))
            except Corrupt as error:
                raise Err(c.Error_Corrupt(str(error))) from None
            except BaseException as error:
                raise Err(c.Error_Corrupt(told(error))) from None
            start = end
        self._reach(slots)
        for slot, state in zip(slots, restored):
            self.states[slot] = state
            self.broken.pop(slot, None)

    def release(self, slots):
        for slot in slots:
            if slot < len(self.states):
                self.states[slot] = self.signature.state()
                self.broken.pop(slot, None)


def _described(signature):
    aggregate = signature.aggregate
    size = signature.state_size
    return w.Signature(
        arguments=[DATA_TYPES[of] for of in signature.arguments],
        parameters=[field(of) for of in signature.fields],
        returns=DATA_TYPES[signature.returns],
        needs_time=signature.needs_time,
        tolerance=float(aggregate.tolerance),
        state=w.StateSize_Growing() if size is None else w.StateSize_Bounded(size),
        state_version=aggregate.state_version,
        restores=[],
    )


class Reducer(exports.Reducer):
    """What the plugin is."""

    def describe(self):
        aggregate = signatures[0].aggregate
        docs = " ".join((aggregate.__doc__ or "").split("\n\n")[0].split()).removesuffix(".")
        return w.Descriptor(aggregate.name, aggregate.version, docs, [_described(signature) for signature in signatures])
