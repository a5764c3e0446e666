//! A reducer that counts rows, written by hand: right, or with one function that does something else.

use super::guests::component;

/// What its functions do to slots: `$into` and `$source` of a merge, `$slot` of the others.
pub(crate) struct Counter<'a> {
    pub(crate) add: &'a str,
    pub(crate) merge: &'a str,
    pub(crate) release: &'a str,
    /// `$bytes` are the states of a `restore`.
    pub(crate) restore: &'a str,
    /// How its name ends.
    pub(crate) name: &'a str,
}

/// The count of a slot grows by one.
pub(crate) const ADD: &str =
    "(i64.store (local.get $state) (i64.add (i64.load (local.get $state)) (i64.const 1)))";

impl Default for Counter<'_> {
    fn default() -> Self {
        Self {
            add: ADD,
            merge: "(i64.store (local.get $into) (i64.add (i64.load (local.get $into)) (i64.load (local.get $source))))",
            release: "(i64.store (local.get $state) (i64.const 0))",
            restore: "(i64.store (local.get $state) (i64.load (i32.add (local.get $bytes) (i32.shl (local.get $index) (i32.const 3)))))",
            name: "probe_rows",
        }
    }
}

/// Runs a body for each place of a list of slots at `$slots`: `$index` counts, `$state` is where the slot's count is.
fn each(body: &str) -> String {
    format!(
        "(local.set $index (i32.const 0))
        (block $done (loop $again
            (br_if $done (i32.ge_u (local.get $index) (local.get $len)))
            (local.set $state (call $place (call $at (local.get $slots) (local.get $index))))
            {body}
            (local.set $index (i32.add (local.get $index) (i32.const 1)))
            (br $again)))"
    )
}

/// The component.
pub(crate) fn counter(counter: &Counter<'_>) -> Vec<u8> {
    component("reducer-plugin", &text(counter))
}

/// Its module as text.
pub(crate) fn text(Counter { add, merge, release, restore, name: text }: &Counter<'_>) -> String {
    let name = "streamgauge:plugin/reducer@0.2.0";
    let merge = each(&format!(
        "(local.set $into (local.get $state))
        (local.set $source (call $place (call $at (local.get $sources) (local.get $index))))
        {merge}"
    ));
    let values = each(
        "(i64.store (i32.add (local.get $list) (i32.shl (local.get $index) (i32.const 3))) (i64.load (local.get $state)))",
    );
    let ends = each(
        "(i32.store (i32.add (local.get $ends) (i32.shl (local.get $index) (i32.const 2)))
            (i32.shl (i32.add (local.get $index) (i32.const 1)) (i32.const 3)))",
    );
    let read = each(restore);
    let lengths = each(
        "(if (i32.ne (call $at (local.get $ends) (local.get $index))
                (i32.shl (i32.add (local.get $index) (i32.const 1)) (i32.const 3)))
            (then (i32.store8 (i32.const 200) (i32.const 1)) (i32.store8 (i32.const 204) (i32.const 1))
                (return (i32.const 200))))",
    );
    let parts = [
        ("{name}", name),
        ("{text}", text),
        ("{length}", &text.len().to_string()),
        ("{accumulate}", &each(add)),
        ("{merge}", &merge),
        ("{values}", &values),
        ("{ends}", &ends),
        ("{lengths}", &lengths),
        ("{read}", &read),
        ("{release}", &each(release)),
    ];
    let whole = include_str!("counter.wat").to_owned();
    parts.into_iter().fold(whole, |whole, (place, part)| whole.replace(place, part))
}
