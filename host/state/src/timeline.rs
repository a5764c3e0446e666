//! Which course of its rows a query is on: rows that come again after a savepoint was restored have other idempotency keys than before.
//!
//! One object, `timeline`, in the folder of a query; none where no savepoint was ever restored there: then the timeline is the identity of
//! the state.
//!
//! ```text
//! "SGTIMEL\0"  format u32  timeline u128  checksum u64
//! ```

use super::{error::StateError, object::ObjectLayout, store::Store};

pub(super) const NAME: &str = "timeline";
const LAYOUT: ObjectLayout =
    ObjectLayout { magic: b"SGTIMEL\0", formats: 1..=1, other: "it holds no timeline" };

/// The timeline of a query whose state has this identity.
pub(super) fn of(store: &Store, identity: u128) -> Result<u128, StateError> {
    let Some(bytes) = store.get(NAME)? else { return Ok(identity) };
    LAYOUT.read(&bytes, &store.shown_name(NAME), |_, input| input.u128())
}

/// The query of this folder begins a timeline that nobody has had.
///
/// # Errors
/// It cannot be written, or the system gives no random numbers.
pub fn begin(store: &Store) -> Result<(), StateError> {
    let mut timeline = [0; 16];
    getrandom::fill(&mut timeline).map_err(|error| StateError::Place {
        place: store.shown().to_owned(),
        why: format!("the system gives no random numbers: {error}"),
    })?;
    store.put(NAME, LAYOUT.write(|out| out.u128(u128::from_le_bytes(timeline))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::tests::refuses_damage;

    #[test]
    fn a_query_is_on_its_first_timeline_until_it_begins_another() {
        let store = Store::memory().unwrap();
        assert_eq!(of(&store, 7).unwrap(), 7);
        begin(&store).unwrap();
        let second = of(&store, 7).unwrap();
        assert_ne!(second, 7);
        assert_eq!(of(&store, 7).unwrap(), second);
        begin(&store).unwrap();
        assert_ne!(of(&store, 7).unwrap(), second);
        refuses_damage(&store, NAME, |store| of(store, 7));
    }
}
