//! What the functions of WASI answer where there is no system: the same at every run.

use super::layout::Value;

/// What a function does.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    /// Gives a constant.
    Value(Value),
    /// Gives a new resource of the type of its result.
    Resource,
    /// Gives a number of nanoseconds that grows with every call. It is never zero: Go's runtime gives up where its clock stands at zero.
    Now,
    /// The same, as seconds and nanoseconds.
    Instant,
    /// Gives the next number of a fixed sequence.
    RandomNumber,
    /// Gives as many bytes of that sequence as it is asked for.
    RandomBytes,
    /// Says that all that is waited for has come.
    Poll,
    /// Traps in a function of its name: an answer could matter to a result.
    End,
}

/// How many bytes an output takes at once.
const ROOM: u64 = 1 << 20;
/// What the clocks say that they can tell apart, in nanoseconds.
const RESOLUTION: u64 = 1000;

/// The answer of a function of an interface, which is named without its version.
pub(super) fn answer(interface: &str, function: &str) -> Answer {
    // `[method]output-stream.write` is `output-stream.write`.
    let function = function.rsplit(']').next().unwrap_or(function);
    match interface {
        "wasi:clocks/monotonic-clock" | "wasi:clocks/wall-clock" | "wasi:clocks/system-clock" => {
            clock(interface, function)
        }
        "wasi:random/random" | "wasi:random/insecure" => match function {
            "get-random-u64" | "get-insecure-random-u64" => Answer::RandomNumber,
            "get-random-bytes" | "get-insecure-random-bytes" => Answer::RandomBytes,
            _ => Answer::End,
        },
        "wasi:random/insecure-seed" => {
            let halves = [0x2545_f491_4f6c_dd1d, 0x9e37_79b9_7f4a_7c15].map(Value::Number);
            Answer::Value(Value::Parts(halves.to_vec()))
        }
        // Zero means: the time zone is UTC, there are no arguments, variables, terminals and directories, texts of errors are empty,
        // and log messages are dropped.
        "wasi:clocks/timezone"
        | "wasi:cli/environment"
        | "wasi:cli/terminal-stdin"
        | "wasi:cli/terminal-stdout"
        | "wasi:cli/terminal-stderr"
        | "wasi:filesystem/preopens"
        | "wasi:io/error"
        | "wasi:logging/logging" => Answer::Value(Value::Zero),
        "wasi:cli/stdin" | "wasi:cli/stdout" | "wasi:cli/stderr" => Answer::Resource,
        "wasi:filesystem/types" if function == "filesystem-error-code" => Answer::Value(Value::Zero),
        "wasi:io/poll" => match function {
            "poll" => Answer::Poll,
            "pollable.ready" => Answer::Value(Value::Number(1)),
            "pollable.block" => Answer::Value(Value::Zero),
            _ => Answer::End,
        },
        "wasi:io/streams" => stream(function),
        _ => Answer::End,
    }
}

fn clock(interface: &str, function: &str) -> Answer {
    let is_monotonic = interface.ends_with("/monotonic-clock");
    match function {
        "now" if is_monotonic => Answer::Now,
        "now" => Answer::Instant,
        // Of a wall clock it is seconds and nanoseconds.
        "resolution" if !is_monotonic => {
            Answer::Value(Value::Parts(vec![Value::Number(0), Value::Number(RESOLUTION)]))
        }
        "resolution" | "get-resolution" => Answer::Value(Value::Number(RESOLUTION)),
        "subscribe" | "subscribe-duration" | "subscribe-instant" => Answer::Resource,
        _ => Answer::End,
    }
}

/// Input is at its end; output takes all bytes, which are dropped.
fn stream(function: &str) -> Answer {
    match function.split_once('.') {
        Some((_, "subscribe")) => Answer::Resource,
        Some(("input-stream", _)) | Some((_, "splice" | "blocking-splice")) => {
            Answer::Value(Value::Error(Box::new(Value::Case("closed"))))
        }
        Some((_, "check-write")) => Answer::Value(Value::Ok(Box::new(Value::Number(ROOM)))),
        Some(("output-stream", _)) => Answer::Value(Value::Zero),
        _ => Answer::End,
    }
}
