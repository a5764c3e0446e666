//! Limits that decide which events a window has, as they were when a query last ran.
//!
//! The log knows what was decided of a window by the numbers of its runs of groups. After a kill the rest of a window is decided from
//! there, so its groups must be the same: until then these limits stay.
//!
//! One object, `admitted`, in the folder of a query; none where they are what they have always been by default:
//!
//! ```text
//! "SGADMIT\0"  format u32  max_groups u64  max_record_bytes u64  checksum u64
//! ```

use super::{error::StateError, object::ObjectLayout, store::Store};

const NAME: &str = "admitted";
const LAYOUT: ObjectLayout =
    ObjectLayout { magic: b"SGADMIT\0", formats: 1..=1, other: "it holds no limits" };

/// Limits that decide which events a window has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdmissionLimits {
    /// `max_groups`.
    pub groups_max: u64,
    /// `max_record_bytes`.
    pub record_bytes_max: u64,
}

impl Default for AdmissionLimits {
    /// What they were before they could be set: state without a word of them was made with these.
    fn default() -> Self {
        Self { groups_max: 1_000_000, record_bytes_max: 1 << 20 }
    }
}

/// Those that the query of a folder last ran with.
///
/// # Errors
/// They cannot be read, or are damaged.
pub fn read(store: &Store) -> Result<AdmissionLimits, StateError> {
    let Some(bytes) = store.get(NAME)? else { return Ok(AdmissionLimits::default()) };
    LAYOUT.read(&bytes, &store.shown_name(NAME), |_, input| {
        Ok(AdmissionLimits { groups_max: input.u64()?, record_bytes_max: input.u64()? })
    })
}

/// Keeps those that the query runs with from now on.
///
/// # Errors
/// They cannot be written.
pub fn write(store: &Store, limits: &AdmissionLimits) -> Result<(), StateError> {
    let bytes = LAYOUT.write(|out| {
        out.u64(limits.groups_max);
        out.u64(limits.record_bytes_max);
    });
    store.put(NAME, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::tests::refuses_damage;

    #[test]
    fn what_is_kept_is_found_and_damage_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().to_str().unwrap()).unwrap();
        assert_eq!(read(&store).unwrap(), AdmissionLimits::default());
        let limits = AdmissionLimits { groups_max: 5, record_bytes_max: 7 };
        write(&store, &limits).unwrap();
        assert_eq!(read(&store).unwrap(), limits);
        refuses_damage(&store, NAME, read);
    }
}
