//! Which fields of a record are read: the columns' paths as a tree of names.

use std::ops::Range;

/// The fields that are read.
///
/// Each different path has a *slot*, where the place of its value in a record is noted. Slots are numbered in the order
/// of the paths, so the slots below a field are a range.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    fields: Vec<Field>,
    slots: Vec<usize>,
    slot_count: usize,
}

/// One name on the way to a column.
#[derive(Clone, Debug, Default)]
pub(super) struct Field {
    name: Vec<u8>,
    /// Where its value is noted, if a column ends here.
    pub(super) slot: Option<usize>,
    /// The slots of this field and of all below it.
    pub(super) slots: Range<usize>,
    children: Vec<usize>,
}

/// The number of the record itself among the fields.
pub(super) const ROOT: usize = 0;

impl Fields {
    /// The fields of columns with these paths.
    pub(super) fn new<'a>(columns: impl Iterator<Item = &'a [String]> + Clone) -> Self {
        let mut paths: Vec<&[String]> = columns.clone().collect();
        paths.sort_unstable();
        paths.dedup();
        let slots = columns.map(|column| paths.partition_point(|path| *path < column));
        let mut tree =
            Self { fields: vec![Field::default()], slots: slots.collect(), slot_count: paths.len() };
        for (slot, path) in paths.iter().enumerate() {
            tree.insert(slot, path);
        }
        tree
    }

    fn insert(&mut self, slot: usize, path: &[String]) {
        let mut at = ROOT;
        for name in path {
            let child = self.child(at, name.as_bytes()).unwrap_or(self.fields.len());
            if child == self.fields.len() {
                let name = name.as_bytes().to_vec();
                self.fields.push(Field { name, slots: slot..slot, ..Field::default() });
                if let Some(parent) = self.fields.get_mut(at) {
                    parent.children.push(child);
                }
            }
            at = child;
            if let Some(field) = self.fields.get_mut(at) {
                field.slots.end = slot + 1;
            }
        }
        if let Some(field) = self.fields.get_mut(at) {
            field.slot = Some(slot);
        }
    }

    /// How many fields there are, the record itself included.
    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    /// How many slots a record has.
    pub(super) fn slot_count(&self) -> usize {
        self.slot_count
    }

    /// The slot of a column.
    pub(super) fn slot_of(&self, column: usize) -> usize {
        self.slots.get(column).copied().unwrap_or(self.slot_count)
    }

    #[inline]
    pub(super) fn get(&self, field: usize) -> Option<&Field> {
        self.fields.get(field)
    }

    /// The field of this name (decoded) below a field.
    pub(super) fn child(&self, parent: usize, name: &[u8]) -> Option<usize> {
        let children = self.fields.get(parent).map(|field| field.children.as_slice()).unwrap_or_default();
        children.iter().copied().find(|&child| self.fields.get(child).is_some_and(|field| field.name == name))
    }
}

impl Field {
    /// Whether something below this field is read.
    #[inline]
    pub(super) fn is_inner(&self) -> bool {
        !self.children.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_below_a_field_are_a_range_and_equal_paths_share_one() {
        let paths: [&[&str]; 6] = [&["u", "x"], &["a"], &["u"], &["u", "b", "c"], &["u", "x"], &["u2"]];
        let paths = paths.map(|path| path.iter().map(|name| (*name).to_string()).collect::<Vec<_>>());
        let fields = Fields::new(paths.iter().map(Vec::as_slice));
        let slots: Vec<usize> = (0..6).map(|number| fields.slot_of(number)).collect();
        assert_eq!(slots, [3, 0, 1, 2, 3, 4]);
        let u = fields.child(ROOT, b"u").unwrap();
        assert_eq!(fields.get(u).unwrap().slots, 1..4);
        assert_eq!(fields.get(u).unwrap().slot, Some(1));
        assert!(fields.get(u).unwrap().is_inner());
        let b = fields.child(u, b"b").unwrap();
        assert_eq!((fields.get(b).unwrap().slots.clone(), fields.get(b).unwrap().slot), (2..3, None));
        assert_eq!(fields.child(u, b"a"), None);
        assert_eq!(fields.slot_count(), 5);
    }
}
