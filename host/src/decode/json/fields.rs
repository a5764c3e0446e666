//! Which fields of a record are read: the columns' paths as a tree of names and of elements.

use std::ops::Range;

use streamgauge_sql::path::PathStep;

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

/// One step on the way to a column: the value of a field or of an element, or the array that a value may be.
///
/// What is read of an object and what is read of an array are different nodes, since one value may be either: the fields of
/// an object hang below its own node, the elements of an array below its [`Field::elements`].
#[derive(Clone, Debug, Default)]
pub(super) struct Field {
    step: Option<PathStep>,
    /// Where its value is noted, if a column ends here.
    pub(super) slot: Option<usize>,
    /// The slots of this field and of all below it.
    pub(super) slots: Range<usize>,
    /// Where it is an object: the fields that are read. In the node of an array: the elements that are read.
    children: Vec<usize>,
    /// Where it is an array: the node with the elements that are read, if there are any.
    pub(super) elements: Option<usize>,
    /// Whether this is the node of an array.
    pub(super) is_array: bool,
}

/// The number of the record itself among the fields.
pub(super) const ROOT: usize = 0;

impl Fields {
    /// The fields of columns with these paths.
    pub(super) fn new<'a>(columns: impl Iterator<Item = &'a [PathStep]> + Clone) -> Self {
        let mut paths: Vec<&[PathStep]> = columns.clone().collect();
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

    fn insert(&mut self, slot: usize, path: &[PathStep]) {
        let mut at = ROOT;
        for step in path {
            if matches!(step, PathStep::Element(_)) {
                at = self.elements_of(at, slot);
            }
            let known = self.children(at).find(|(_, field)| field.step.as_ref() == Some(step));
            at = match known.map(|(child, _)| child) {
                Some(child) => child,
                None => {
                    let child =
                        self.add(Field { step: Some(step.clone()), slots: slot..slot, ..Field::default() });
                    if let Some(parent) = self.fields.get_mut(at) {
                        parent.children.push(child);
                    }
                    child
                }
            };
            if let Some(field) = self.fields.get_mut(at) {
                field.slots.end = slot + 1;
            }
        }
        if let Some(field) = self.fields.get_mut(at) {
            field.slot = Some(slot);
        }
    }

    /// The node with the elements of a value that is an array.
    fn elements_of(&mut self, field: usize, slot: usize) -> usize {
        if let Some(array) = self.fields.get(field).and_then(|field| field.elements) {
            return array;
        }
        let array = self.add(Field { slots: slot..slot, is_array: true, ..Field::default() });
        if let Some(field) = self.fields.get_mut(field) {
            field.elements = Some(array);
        }
        array
    }

    fn add(&mut self, field: Field) -> usize {
        self.fields.push(field);
        self.fields.len() - 1
    }

    fn children(&self, parent: usize) -> impl Iterator<Item = (usize, &Field)> {
        let children = self.fields.get(parent).map(|field| field.children.as_slice()).unwrap_or_default();
        children.iter().filter_map(|&child| Some((child, self.fields.get(child)?)))
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
        let is_named =
            |field: &Field| matches!(&field.step, Some(PathStep::Field(step)) if step.as_bytes() == name);
        self.children(parent).find(|(_, field)| is_named(field)).map(|(child, _)| child)
    }

    /// The element of this number in the node of an array.
    pub(super) fn element(&self, array: usize, number: usize) -> Option<usize> {
        self.children(array).find(|(_, field)| field.number() == Some(number)).map(|(child, _)| child)
    }

    /// Whether no element from this number on is read.
    pub(super) fn is_behind_elements(&self, array: usize, number: usize) -> bool {
        self.children(array).all(|(_, field)| field.number() < Some(number))
    }
}

impl Field {
    /// Whether something below this field is read.
    #[inline]
    pub(super) fn is_inner(&self) -> bool {
        !self.children.is_empty()
    }

    fn number(&self) -> Option<usize> {
        match self.step {
            Some(PathStep::Element(number)) => usize::try_from(number).ok(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_below_a_field_are_a_range_and_equal_paths_share_one() {
        let paths: [&[&str]; 6] = [&["u", "x"], &["a"], &["u"], &["u", "b", "c"], &["u", "x"], &["u2"]];
        let paths = paths.map(|path| path.iter().map(|name| PathStep::from(*name)).collect::<Vec<_>>());
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

    #[test]
    fn what_is_read_of_an_array_and_of_an_object_are_nodes_of_their_own() {
        let paths = ["u.x", "u[1]", "u", "u[1].a", "u[0]", "v"];
        let paths = paths.map(|path| streamgauge_sql::path::parse(path).unwrap());
        let fields = Fields::new(paths.iter().map(Vec::as_slice));
        let slots: Vec<usize> = (0..6).map(|number| fields.slot_of(number)).collect();
        assert_eq!(slots, [1, 3, 0, 4, 2, 5]);
        let u = fields.child(ROOT, b"u").unwrap();
        let array = fields.get(u).unwrap().elements.unwrap();
        assert_eq!(fields.get(u).unwrap().slots, 0..5);
        assert!(fields.get(array).unwrap().is_array && !fields.get(u).unwrap().is_array);
        let second = fields.element(array, 1).unwrap();
        assert_eq!(
            (fields.get(second).unwrap().slots.clone(), fields.get(second).unwrap().slot),
            (3..5, Some(3))
        );
        assert!(fields.child(second, b"a").is_some() && fields.child(array, b"x").is_none());
        assert_eq!(fields.element(array, 2), None);
        assert!(fields.is_behind_elements(array, 2) && !fields.is_behind_elements(array, 1));
        assert_eq!(fields.get(fields.child(ROOT, b"v").unwrap()).unwrap().elements, None);
    }
}
