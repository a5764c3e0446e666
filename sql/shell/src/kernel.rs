//! The generated code of a query, behind the table.

use crate::input::View;

/// A loop over `rows` rows. `result` is where a function of the [`crate::runtime`] leaves what it computes beside its
/// status.
type Function = extern "C" fn(rows: u32, views: *const View, result: *mut u64);

/// Which kernel: its number is its slot in the table.
#[derive(Clone, Copy)]
#[repr(usize)]
pub(crate) enum Kernel {
    Ingest = 1,
    Emit = 2,
}

impl Kernel {
    /// Runs the kernel over all rows.
    pub(crate) fn call(self, rows: u32, views: &[View]) {
        #[expect(
            unsafe_code,
            reason = "slots 1 and 2 are left free by the linker (build.rs) and filled with functions of this type by every \
                      query's module, before any export can be called; a wrong type would trap at the call"
        )]
        let function = unsafe { std::mem::transmute::<usize, Function>(self as usize) };
        let mut result = 0;
        function(rows, views.as_ptr(), &raw mut result);
    }
}
