//! The value of one row, picked by the order of a key: what `first`, `last`, `arg_min` and `arg_max` keep.

use crate::{Comparable, extreme::End};

/// The key and the value of the picked row; none = there was no row.
pub type Picked<K, T> = Option<(<K as Comparable>::Kept, <T as Comparable>::Kept)>;

/// Considers a row: it is picked if its key is nearer to the end `E` of the order than the key of the picked row. Of rows with
/// equal keys, the one whose value is nearer to this end is picked, so the result does not depend on the order of rows.
#[inline]
pub fn pick<K: Comparable, T: Comparable, E: End>(
    picked: &mut Picked<K, T>,
    key: K::Value<'_>,
    value: T::Value<'_>,
) {
    let replaces = match picked {
        None => true,
        Some((kept, of_kept)) => {
            K::compare(&key, kept).then_with(|| T::compare(&value, of_kept)) == E::REPLACES
        }
    };
    if replaces {
        *picked = Some((K::keep(key), T::keep(value)));
    }
}

/// The value of the picked row.
pub fn value<K: Comparable, T: Comparable>(picked: &Picked<K, T>) -> Option<T> {
    picked.as_ref().map(|(_, value)| T::result(value.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extreme::{Greatest, Least};

    #[test]
    fn of_equal_keys_the_value_decides() {
        let rows = [(2.0, "b"), (1.0, "d"), (f64::NAN, "a"), (1.0, "c"), (f64::NAN, "e")];
        let (mut least, mut greatest) = (None, None);
        for (key, value) in rows {
            pick::<f64, String, Least>(&mut least, key, value);
            pick::<f64, String, Greatest>(&mut greatest, key, value);
        }
        assert_eq!(value::<f64, String>(&least).as_deref(), Some("c"));
        assert_eq!(value::<f64, String>(&greatest).as_deref(), Some("e"));
        assert_eq!(value::<f64, String>(&None), None);
    }
}
