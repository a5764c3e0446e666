//! A running guest: one instance in a store of its own, thrown away when it fails.

use std::time::Duration;

use streamgauge_engine::{Fault, FaultKind};
use tracing::warn;
use wasmtime::{
    Store, Trap, WasmBacktrace,
    component::{Instance, InstancePre},
};

use super::{
    limits::{Budget, GuestLimits, Limits, NO_MORE, Refusal, is_systems, spell},
    runtime::Runtime,
};

/// The first words of what a call failed of. Those of a lack of memory are [`NO_MORE`].
pub(super) const TRAPPED: &str = "trapped";
pub(super) const RAN_LONGER: &str = "ran longer than";
pub(super) const TOOK_MORE_TIME: &str = "took more than";
pub(super) const WANTED_MORE_MEMORY: &str = "wanted more than";

/// Resources of one instance: a reducer has one, a sink one a query.
const HANDLES_MAX: usize = 1000;
/// How many functions of a trap are told.
const FUNCTIONS_MAX: usize = 32;
/// What a guest may hand over when it describes itself. Reading it takes time of the host, which no limit of the call's time ends.
const DESCRIPTION_BYTES_MAX: usize = 32 << 20;
/// The longest text of a guest that is passed on to people.
const WORDS_MAX: usize = 300;

/// How often an instance that was lost for the time or the memory that it took is started again for the same rows.
const RESTARTS_MAX: usize = 3;

/// Calls an instance. Where it is lost for the time or the memory that it took, which may be chance, another one is started and called.
pub(super) fn call_again<I, T>(
    instance: &mut I,
    call: impl Fn(&mut I) -> Result<T, Fault>,
    restart: impl Fn(&mut I) -> Result<(), Fault>,
) -> Result<T, Fault> {
    for _ in 0..RESTARTS_MAX {
        match call(instance) {
            Err(fault) if fault.kind == FaultKind::Transient => {
                warn!("{fault}; it is started again and called again with the same rows");
                restart(instance)?;
            }
            called => return called,
        }
    }
    call(instance)
}

/// The store of one instance, or why it is gone.
pub(super) struct Guest {
    who: String,
    /// Kept alive: its ticker ends calls that take too long.
    runtime: Runtime,
    limits: GuestLimits,
    store: Result<Store<Budget>, Fault>,
    /// Where it was when it failed, the innermost function first.
    functions: Vec<String>,
}

impl Guest {
    /// Starts an instance.
    pub(super) fn start(
        runtime: &Runtime,
        who: String,
        compiled: &InstancePre<Budget>,
        limits: GuestLimits,
    ) -> Result<(Self, Instance), Fault> {
        let memory = limits.memory.unwrap_or(runtime.limits().plugin_memory);
        let mut store = Store::new(compiled.engine(), Budget::new(memory));
        store.limiter(|budget| budget);
        store.set_max_component_handles(HANDLES_MAX);
        let mut guest =
            Self { who, runtime: runtime.clone(), limits, store: Ok(store), functions: Vec::new() };
        let instance = guest.call(|store| compiled.instantiate(store))?;
        Ok((guest, instance))
    }

    /// Calls into the guest. After a failure it is lost: each further call gives the same fault.
    pub(super) fn call<T>(
        &mut self,
        run: impl FnOnce(&mut Store<Budget>) -> wasmtime::Result<T>,
    ) -> Result<T, Fault> {
        self.call_giving(self.runtime.limits().call_result_bytes_max, run)
    }

    /// Asks the guest what it is, likewise.
    pub(super) fn ask<T>(
        &mut self,
        run: impl FnOnce(&mut Store<Budget>) -> wasmtime::Result<T>,
    ) -> Result<T, Fault> {
        self.call_giving(DESCRIPTION_BYTES_MAX.min(self.runtime.limits().call_result_bytes_max), run)
    }

    /// A call that hands over so many bytes at most.
    fn call_giving<T>(
        &mut self,
        bytes_max: usize,
        run: impl FnOnce(&mut Store<Budget>) -> wasmtime::Result<T>,
    ) -> Result<T, Fault> {
        let store = self.store.as_mut().map_err(|fault| fault.clone())?;
        let timeout = self.limits.call_timeout.unwrap_or(self.runtime.limits().plugin_call_timeout);
        store.set_epoch_deadline(Runtime::call_ticks(timeout));
        store.set_hostcall_fuel(bytes_max);
        store.data_mut().begin_call();
        let called = self.runtime.timed(|| run(store)).map_err(|most| {
            let what =
                format!("{TOOK_MORE_TIME} {} in all its calls (--limit plugin_check_time)", duration(most));
            Fault { who: self.who.clone(), what, kind: FaultKind::Transient }
        })?;
        called.map_err(|error| {
            let refused = self.store.as_ref().ok().and_then(|store| store.data().refused());
            let (kind, what) = what_happened(&error, refused, bytes_max, self.runtime.limits(), self.limits);
            let fault = Fault { who: self.who.clone(), what, kind };
            self.functions = functions(&error);
            self.store = Err(fault.clone());
            fault
        })
    }

    /// Whether it is lost: each call gives the same fault.
    pub(super) fn is_lost(&self) -> bool {
        self.store.is_err()
    }

    /// The functions in which it failed, the innermost first; none where it did not fail in a call.
    pub(super) fn functions(&self) -> &[String] {
        &self.functions
    }

    /// Bytes of its memories and tables; none where it is lost.
    pub(super) fn memory_bytes(&self) -> Option<usize> {
        self.store.as_ref().ok().map(|store| store.data().bytes())
    }

    /// What is wrong with a call that the guest survived.
    pub(super) fn refuse(&self, what: String) -> Fault {
        Fault::deterministic(self.who.clone(), what)
    }

    /// Gives the guest up: what it did is not to be trusted.
    pub(super) fn lose(&mut self, what: String) -> Fault {
        let fault = Fault::deterministic(self.who.clone(), what);
        self.store = Err(fault.clone());
        fault
    }
}

/// What a call failed of, as the end of a sentence, and whether it would do so again.
fn what_happened(
    error: &wasmtime::Error,
    refused: Option<Refusal>,
    bytes_max: usize,
    limits: Limits,
    own: GuestLimits,
) -> (FaultKind, String) {
    let trap = error.downcast_ref::<Trap>();
    if trap == Some(&Trap::Interrupt) {
        let (timeout, set_by) = match own.call_timeout {
            Some(timeout) => (timeout, "its option call_timeout"),
            None => (limits.plugin_call_timeout, "--limit plugin_call_timeout"),
        };
        return (FaultKind::Transient, format!("{RAN_LONGER} {} ({set_by})", duration(timeout)));
    }
    if refused == Some(Refusal::System) || is_systems(error) {
        return (FaultKind::Transient, NO_MORE.to_owned());
    }
    if refused.is_some() {
        let (memory, set_by) = match own.memory {
            Some(memory) => (memory, "its option memory"),
            None => (limits.plugin_memory, "--limit plugin_memory"),
        };
        return (
            FaultKind::Transient,
            format!("{WANTED_MORE_MEMORY} {} of memory ({set_by})", spell(memory)),
        );
    }
    let what = match trap {
        Some(trap) => {
            let trap = trap.to_string();
            let trap = trap.trim_start_matches("wasm trap: ");
            let function = error.downcast_ref::<WasmBacktrace>().and_then(function);
            function
                .map_or_else(|| format!("{TRAPPED}: {trap}"), |name| format!("{TRAPPED} in `{name}`: {trap}"))
        }
        None => match error.root_cause().to_string() {
            // The runtime's error has no public type.
            cause if cause.contains("fuel allocated for hostcalls has been exhausted") => {
                let is_limit = bytes_max == limits.call_result_bytes_max;
                let set_by = if is_limit { " (--limit max_call_result_bytes)" } else { "" };
                format!("handed over more than {} in one call{set_by}", spell(bytes_max))
            }
            cause => format!("broke its contract: {}", words(&cause)),
        },
    };
    (FaultKind::Deterministic, what)
}

/// The innermost function that has a name, and is not of those by which a language panics.
fn function(backtrace: &WasmBacktrace) -> Option<String> {
    the_authors(backtrace.frames().iter().filter_map(|frame| frame.func_name()).map(demangled))
}

/// The innermost function of an author; of the language, where there are no others.
fn the_authors(names: impl Iterator<Item = String>) -> Option<String> {
    /// How the names begin of functions of Rust's libraries and of Go's runtime.
    const OF_LANGUAGES: [&str; 7] =
        ["core::", "std::", "alloc::", "__rustc::", "rust_begin_unwind", "rust_panic", "runtime."];
    let names: Vec<String> = names.collect();
    let is_authors = |name: &&String| !OF_LANGUAGES.iter().any(|start| name.starts_with(start));
    names.iter().find(is_authors).or(names.first()).cloned()
}

/// A function's name as its author wrote it, where it is one of Rust's.
fn demangled(name: &str) -> String {
    // Without the hash that the compiler adds.
    words(&format!("{:#}", rustc_demangle::demangle(name)))
}

/// All functions of a call that failed, by their names or numbers.
fn functions(error: &wasmtime::Error) -> Vec<String> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    let named = backtrace.frames().iter().map(|frame| match frame.func_name() {
        Some(name) => demangled(name),
        None => format!("function {} without a name", frame.func_index()),
    });
    named.take(FUNCTIONS_MAX).collect()
}

/// A guest's text as people may see it: one line, not too long, nothing that steers a terminal.
pub(super) fn words(text: &str) -> String {
    let mut words: String =
        text.chars().take(WORDS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(WORDS_MAX).is_some() {
        words.push('…');
    }
    words
}

fn duration(duration: Duration) -> String {
    match duration.as_millis() {
        millis if millis.is_multiple_of(1000) => format!("{} s", millis / 1000),
        millis => format!("{millis} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_outs_are_said_in_round_units() {
        assert_eq!(duration(Duration::from_secs(1)), "1 s");
        assert_eq!(duration(Duration::from_millis(1500)), "1500 ms");
    }

    #[test]
    fn functions_of_rust_have_the_names_of_their_authors() {
        assert_eq!(demangled("_ZN7geomean3add17hbe39d7234f5ce15cE"), "geomean::add");
        assert_eq!(demangled("_RNvCsfLfy6EI15iL_7___rustc10rust_panic"), "__rustc::rust_panic");
        assert_eq!(demangled("add"), "add");
    }

    #[test]
    fn a_panic_is_named_by_the_function_that_panics() {
        let named = |names: &[&str]| the_authors(names.iter().map(|name| (*name).to_owned()));
        let panic = ["__rustc::rust_panic", "core::panicking::panic_fmt", "geomean::add", "cabi_post"];
        assert_eq!(named(&panic).as_deref(), Some("geomean::add"));
        assert_eq!(named(&panic[..2]).as_deref(), Some("__rustc::rust_panic"));
        assert_eq!(named(&["add"]).as_deref(), Some("add"));
        assert_eq!(named(&[]), None);
    }

    #[test]
    fn a_guest_cannot_steer_a_terminal_or_flood_it() {
        assert_eq!(words("no\n\u{1b}[31mred"), "no  [31mred");
        assert_eq!(words(&"é".repeat(1000)).chars().count(), WORDS_MAX + 1);
    }
}
