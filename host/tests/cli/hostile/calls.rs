//! A right reducer, one of whose functions does something before or after what is right.

use crate::plugin::{
    counter::{Counter, text},
    guests::component,
};

/// A function that the host calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Describe,
    Open,
    Accumulate,
    Merge,
    Evaluate,
    Snapshot,
    Restore,
    Release,
    Realloc,
}

impl Call {
    pub(super) const ALL: [Self; 9] = [
        Self::Describe,
        Self::Open,
        Self::Accumulate,
        Self::Merge,
        Self::Evaluate,
        Self::Snapshot,
        Self::Restore,
        Self::Release,
        Self::Realloc,
    ];

    /// The end of its export's name, how many numbers it takes, and whether it gives one.
    fn signature(self) -> (&'static str, usize, bool) {
        match self {
            Self::Describe => ("#describe", 0, true),
            Self::Open => ("#[static]accumulators.open", 3, true),
            Self::Accumulate => ("#[method]accumulators.accumulate", 5, true),
            Self::Merge => ("#[method]accumulators.merge", 5, false),
            Self::Evaluate => ("#[method]accumulators.evaluate", 3, true),
            Self::Snapshot => ("#[method]accumulators.snapshot", 3, true),
            Self::Restore => ("#[method]accumulators.restore", 8, true),
            Self::Release => ("#[method]accumulators.release", 3, false),
            Self::Realloc => ("cabi_realloc", 4, true),
        }
    }

    fn export(self) -> String {
        let name = self.signature().0;
        if self == Self::Realloc {
            name.to_owned()
        } else {
            format!("streamgauge:plugin/reducer@0.2.0{name}")
        }
    }
}

/// Helpers of the code that is added: a call that recurses without end, and a table that can grow.
const ITEMS: &str = "
    (func $deeper (param $n i32) (result i32)
        (i32.add (local.get $n) (call $deeper (i32.add (local.get $n) (i32.const 1)))))
    (global $count (mut i32) (i32.const 0))
    (table $table 1 funcref)";

/// Runs for ever.
pub(crate) const LOOP: &str = "(loop $for_ever (br $for_ever))";

/// A reducer in which this code runs before and after what a function does. `$result` is what that gave, `$i` is free.
pub(crate) fn around(call: Call, before: &str, after: &str) -> Vec<u8> {
    let (_, parameters, gives) = call.signature();
    let (right, export) = (text(&Counter::default()), call.export());
    let of_export = format!("(export \"{export}\")");
    assert_eq!(right.matches(&of_export).count(), 1, "{export}");
    // `cabi_realloc` has a name already.
    let (right, name) = match call {
        Call::Realloc => (right.replace(&of_export, ""), "$realloc"),
        _ => (right.replace(&of_export, "$right"), "$right"),
    };
    let arguments: String = (0..parameters).map(|index| format!("(local.get {index})")).collect();
    let (result, called) = match gives {
        true => (
            "(result i32)",
            format!("(local.set $result (call {name} {arguments})) {after} (local.get $result)"),
        ),
        false => ("", format!("(call {name} {arguments}) {after}")),
    };
    let wrapper = format!(
        "(func {of_export} {} {result} (local $result i32) (local $i i32) {before} {called})",
        "(param i32)".repeat(parameters)
    );
    component("reducer-plugin", &added(&right, &format!("{ITEMS} {wrapper}")))
}

/// A right reducer with more items in its module.
pub(super) fn with_items(items: &str) -> Vec<u8> {
    component("reducer-plugin", &added(&text(&Counter::default()), &format!("{ITEMS} {items}")))
}

fn added(module: &str, items: &str) -> String {
    let end = module.trim_end().strip_suffix(')').unwrap();
    format!("{end} {items})")
}

/// A right reducer that begins with so many pages of memory.
pub(super) fn with_memory(pages: u32) -> Vec<u8> {
    let right = text(&Counter::default());
    let memory = "(memory (export \"memory\") 4)";
    assert!(right.contains(memory));
    component("reducer-plugin", &right.replace(memory, &format!("(memory (export \"memory\") {pages})")))
}
