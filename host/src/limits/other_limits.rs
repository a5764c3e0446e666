//! Limits that `--limit` does not set: what sets them, or why nothing does.

/// A limit that is set by an option, or that is fixed.
#[derive(Debug)]
pub struct Elsewhere {
    /// What it is called.
    pub name: &'static str,
    /// What it is where nobody sets it.
    pub default: &'static str,
    /// What sets it, or why nothing does.
    pub by: &'static str,
    /// What happens beyond it.
    pub beyond: &'static str,
}

/// All of them, in the order in which they are shown.
pub const ELSEWHERE: &[Elsewhere] = &[
    Elsewhere {
        name: "max_future_skew",
        default: "5 min (Kafka), none (files)",
        by: "the source's option `max_future_skew`",
        beyond: "dead letter `future`",
    },
    Elsewhere {
        name: "idle_timeout",
        default: "10 s",
        by: "the source's option `idle_timeout`",
        beyond: "the partition's leader is asked; if it has nothing more, the partition no longer holds windows open",
    },
    Elsewhere {
        name: "queued.max.messages.kbytes",
        default: "32 MiB",
        by: "the source's option of that name",
        beyond: "the reader waits",
    },
    Elsewhere {
        name: "connect_timeout",
        default: "60 s, with `--bounded` and of `query`; none of `tap`",
        by: "`--connect-timeout`",
        beyond: "the run fails",
    },
    Elsewhere {
        name: "reject_after",
        default: "10 min",
        by: "the sink's option `reject_after`",
        beyond: "what is answered with 401, 403, 407 or 410 is a dead letter",
    },
    Elsewhere {
        name: "requests of Slack",
        default: "1 a second",
        by: "fixed: what Slack takes",
        beyond: "messages wait",
    },
    Elsewhere {
        name: "series of a scrape",
        default: "10,000 a query",
        by: "fixed: the component of the sink counts them",
        beyond: "hidden and counted",
    },
    Elsewhere {
        name: "a record in a dead letter",
        default: "4 KiB as JSON writes it",
        by: "`--dead-letter-records full`; the length is fixed, since letters of earlier runs are known by what they show",
        beyond: "cut; length and SHA-256 stand beside it",
    },
    Elsewhere {
        name: "dead_letters_max_bytes",
        default: "256 MiB",
        by: "`--dead-letters-max-bytes`",
        beyond: "the file takes the place of `PATH.1`",
    },
    Elsewhere {
        name: "crash bundles",
        default: "8 in a folder, 64 MiB each",
        by: "fixed: the first fault of each kind is enough to mend a plugin",
        beyond: "no further one is written",
    },
    Elsewhere {
        name: "what a statement computes with the views and queries in queries that it reads",
        default: "1,048,576 operations and bytes of text in a file, 65,536 in a statement, nested 256 deep",
        by: "fixed: a view that names a column of another view twice doubles it",
        beyond: "the statement is refused",
    },
    Elsewhere {
        name: "words and signs of a statement",
        default: "2,000, nested 50 deep",
        by: "fixed: what parses and plans a statement recurses as deep, and its stack is bounded",
        beyond: "the statement is refused",
    },
    Elsewhere {
        name: "groups and keys of a run",
        default: "8,192 groups, about 4 MiB of keys",
        by: "fixed: the log knows what was decided by the number of its run, which must be the same in a replay",
        beyond: "the next run of the window begins",
    },
    Elsewhere {
        name: "an entry of the log",
        default: "64 MiB",
        by: "fixed: what is longer is taken for damage when it is read",
        beyond: "the query fails",
    },
];
