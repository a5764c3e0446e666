//! The laws by name, and what is told of one that does not hold.

/// A law of every reducer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Law {
    /// See [`Law::says`]; so for all.
    Describe,
    /// Parameters and signatures.
    Parameters,
    /// Batches of the types that the signature names.
    Batches,
    /// Traps, time, memory, types of answers.
    NoTraps,
    /// Equal calls, equal bytes.
    TwoInstances,
    /// `evaluate` and `snapshot`.
    Reads,
    /// Slots without values.
    EmptySlots,
    /// What stands where a row is NULL.
    NullRows,
    /// Slots that a list names several times.
    RepeatedSlots,
    /// One batch or several.
    SplitBatches,
    /// Slots that a call does not name.
    OtherSlots,
    /// Slots that are used again.
    Release,
    /// States in another instance.
    SnapshotRestore,
    /// States that cannot be read.
    DamagedStates,
    /// Empty slots in merges.
    MergeEmpty,
    /// a + b = b + a.
    MergeCommutative,
    /// (a + b) + c = a + (b + c).
    MergeAssociative,
    /// Merging parts = accumulating all.
    MergeParts,
    /// What a slot takes.
    StateSize,
}

impl Law {
    /// In the order in which they are tried.
    pub const ALL: [Self; 19] = [
        Self::Describe,
        Self::Parameters,
        Self::Batches,
        Self::NoTraps,
        Self::TwoInstances,
        Self::Reads,
        Self::EmptySlots,
        Self::NullRows,
        Self::RepeatedSlots,
        Self::SplitBatches,
        Self::OtherSlots,
        Self::Release,
        Self::SnapshotRestore,
        Self::DamagedStates,
        Self::MergeEmpty,
        Self::MergeCommutative,
        Self::MergeAssociative,
        Self::MergeParts,
        Self::StateSize,
    ];

    /// Its name in reports; a name never changes its meaning.
    pub fn name(self) -> &'static str {
        match self {
            Self::Describe => "describe",
            Self::Parameters => "parameters",
            Self::Batches => "batches",
            Self::NoTraps => "no-traps",
            Self::TwoInstances => "two-instances",
            Self::Reads => "reads",
            Self::EmptySlots => "empty-slots",
            Self::NullRows => "null-rows",
            Self::RepeatedSlots => "repeated-slots",
            Self::SplitBatches => "split-batches",
            Self::OtherSlots => "other-slots",
            Self::Release => "release",
            Self::SnapshotRestore => "snapshot-restore",
            Self::DamagedStates => "damaged-states",
            Self::MergeEmpty => "merge-empty",
            Self::MergeCommutative => "merge-commutative",
            Self::MergeAssociative => "merge-associative",
            Self::MergeParts => "merge-parts",
            Self::StateSize => "state-size",
        }
    }

    /// What holds, in one sentence.
    pub fn says(self) -> &'static str {
        match self {
            Self::Describe => "`describe` is complete and gives the same at every call in every instance",
            Self::Parameters => {
                "`open` takes the defaults, and takes or refuses any other parameters without a trap"
            }
            Self::Batches => "`accumulate` takes batches of the types that the signature names",
            Self::NoTraps => {
                "no values and no number of rows or slots make a call trap or break its contract"
            }
            Self::TwoInstances => "two instances that are given the same calls give the same bytes",
            Self::Reads => "`evaluate` and `snapshot` change nothing",
            Self::EmptySlots => "a slot without values evaluates to NULL, a count to 0",
            Self::NullRows => "what stands in a column where a row is NULL changes nothing",
            Self::RepeatedSlots => "a list may name one slot several times",
            Self::SplitBatches => "splitting a batch into several changes nothing",
            Self::OtherSlots => "a call changes only the slots that it is to change",
            Self::Release => "a released slot is empty and can be used again",
            Self::SnapshotRestore => "snapshot, then restore in another instance, changes nothing",
            Self::DamagedStates => "a state that cannot be read is refused, and changes nothing",
            Self::MergeEmpty => "merging an empty slot, or into one, changes no value",
            Self::MergeCommutative => "merging a and b is merging b and a, to the tolerance",
            Self::MergeAssociative => "merging (a, b), c is merging a, (b, c), to the tolerance",
            Self::MergeParts => {
                "merged parts evaluate to what all their rows in one slot do, to the tolerance"
            }
            Self::StateSize => "a slot takes no more than the signature says",
        }
    }

    /// What to change where it does not hold.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Describe => "return constants from `describe`, and correct what is named above",
            Self::Parameters => {
                "let `open` take the default of each parameter, and return the error `invalid` with a text that says what to \
                 give for values that it cannot use"
            }
            Self::Batches => {
                "compare the types in `describe` with those that `accumulate` reads; a batch may be empty, and has one column \
                 more, the event time, where `needs-time` is set"
            }
            Self::NoTraps => {
                "handle NULL, NaN, infinities, the ends of integers and long texts: use arithmetic that cannot overflow, or \
                 fail the slot in `evaluate` (`failed`); `evaluate` gives one row a slot, of the type that the signature returns"
            }
            Self::TwoInstances => {
                "use nothing that differs between instances: no addresses, no hash tables in the order of their buckets, no \
                 global counters"
            }
            Self::Reads => {
                "compute results and bytes from a state without changing it: sort or compress a copy"
            }
            Self::EmptySlots => {
                "keep the number of values in the state, and evaluate to NULL where it is 0 (to 0 where the function counts)"
            }
            Self::NullRows => "look at `valid` of each column before the value of a row",
            Self::RepeatedSlots => {
                "take the rows one by one in their order: read the state of a slot again for each row, since an earlier row of \
                 the same list may have changed it"
            }
            Self::SplitBatches => {
                "keep in the slots all that `accumulate` remembers, and add row by row: a subtotal of a batch rounds differently"
            }
            Self::OtherSlots => "change only slots in `slots` or `into`; `merge` does not change its sources",
            Self::Release => "set the whole state of a released slot back to what an unused slot has",
            Self::SnapshotRestore => {
                "write every field of the state in `snapshot`, in a fixed order and with all bits (sort what comes out of hash \
                 tables), and read all of it back in `restore`; `restore` replaces what is in the slot"
            }
            Self::DamagedStates => {
                "check each length and each value that `restore` reads, return the error `corrupt` or `unsupported-version`, \
                 and put no state into a slot before all are read"
            }
            Self::MergeEmpty => {
                "let `merge` leave a state as it is if the other one has no values, and copy it if it has none itself"
            }
            Self::MergeCommutative | Self::MergeAssociative => {
                "keep in the state what does not depend on an order: sums and counts instead of means, and for first and last the \
                 event time (`needs-time` of the signature; the kits have a type for it) with a rule for equal times. The rows of two \
                 states may interleave in time. If the difference is rounding, declare a `tolerance`"
            }
            Self::MergeParts => {
                "let `merge` do to two states what `accumulate` does with all their rows; if the difference is rounding, declare \
                 a `tolerance`"
            }
            Self::StateSize => {
                "declare the size that a state really has, or `growing` if it grows with the values"
            }
        }
    }

    /// The laws without which this one cannot be tried.
    pub(crate) fn needs(self) -> &'static [Self] {
        match self {
            Self::Describe | Self::Parameters => &[],
            Self::Batches => &[Self::Parameters],
            Self::NoTraps => &[Self::Batches],
            Self::TwoInstances | Self::Reads | Self::EmptySlots | Self::StateSize => &[Self::Batches],
            // Whether a state or the values after it make a call trap cannot be told apart.
            Self::DamagedStates => &[Self::Batches, Self::NoTraps, Self::TwoInstances, Self::Reads],
            Self::MergeCommutative | Self::MergeAssociative => &[Self::Batches, Self::TwoInstances],
            Self::SplitBatches => &[Self::Batches, Self::TwoInstances, Self::Reads, Self::RepeatedSlots],
            Self::MergeParts => &[
                Self::Batches,
                Self::TwoInstances,
                Self::SplitBatches,
                Self::MergeCommutative,
                Self::MergeAssociative,
            ],
            _ => &[Self::Batches, Self::TwoInstances, Self::Reads],
        }
    }
}
