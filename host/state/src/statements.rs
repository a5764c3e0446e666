//! Which anonymous statement is called what in a state: its name is kept with what it means, so that a statement that is inserted
//! before it, or one that is removed, changes nobody's state.
//!
//! One object, `statements`, beside the folders of the queries:
//!
//! ```text
//! "SGSTMTS\0"  format u32  count u64  { name str  sink str  fingerprint u64  output u64 }*  checksum u64
//! ```

use super::{
    bytes::{Malformed, Reader, checksum},
    error::StateError,
    object::ObjectLayout,
    store::Store,
};

pub(super) const NAME: &str = "statements";
const LAYOUT: ObjectLayout =
    ObjectLayout { magic: b"SGSTMTS\0", formats: 1..=1, other: "it holds no statements" };

/// What an anonymous statement is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The sink, as the statement's name begins: `insert_team`, `select`.
    pub sink: String,
    /// A checksum of its state fingerprint: what it reads, WHERE, windows, keys, reducers.
    pub fingerprint: u64,
    /// A checksum of HAVING and the SELECT list.
    pub output: u64,
}

/// A statement that a state knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What the state calls it.
    pub name: String,
    /// What it is known by.
    pub identity: Identity,
}

/// The statements that a state knows; none where it was made before they were kept, or is new.
///
/// # Errors
/// They cannot be read, or are damaged.
pub fn read(store: &Store) -> Result<Option<Vec<Statement>>, StateError> {
    let Some(bytes) = store.get(NAME)? else { return Ok(None) };
    LAYOUT.read(&bytes, &store.shown_name(NAME), |_, input| decode(input)).map(Some)
}

fn decode(input: &mut Reader<'_>) -> Result<Vec<Statement>, Malformed> {
    let count = input.u64()?;
    let mut statements = Vec::new();
    for _ in 0..count {
        let name = input.str()?.to_owned();
        let sink = input.str()?.to_owned();
        let identity = Identity { sink, fingerprint: input.u64()?, output: input.u64()? };
        statements.push(Statement { name, identity });
    }
    Ok(statements)
}

/// Keeps statements instead of those that were kept.
///
/// # Errors
/// They cannot be written.
pub fn write(store: &Store, statements: &[Statement]) -> Result<(), StateError> {
    let bytes = LAYOUT.write(|out| {
        out.u64(statements.len() as u64);
        for Statement { name, identity: Identity { sink, fingerprint, output } } in statements {
            out.str(name);
            out.str(sink);
            out.u64(*fingerprint);
            out.u64(*output);
        }
    });
    store.put(NAME, bytes)
}

/// A checksum of a text, for an [`Identity`].
pub fn digest(text: &str) -> u64 {
    checksum(text.as_bytes())
}

/// What statements are called, by their places in the program: `fresh` are their names if none was known. Gives also what is to be
/// kept.
///
/// A statement keeps the name of the known one that means the same; else of one that differs in HAVING or the SELECT list only; else of
/// one that has its fresh name and that no other statement is: it was changed. All others get names that nobody has had.
pub fn assign(known: &[Statement], fresh: &[Statement]) -> Vec<Statement> {
    let mut free: Vec<&Statement> = known.iter().collect();
    let mut names: Vec<Option<String>> = vec![None; fresh.len()];
    type Fits = fn(&Statement, &Statement) -> bool;
    let passes: [Fits; 3] = [
        |known, fresh| known.identity == fresh.identity,
        |known, fresh| {
            (&known.identity.sink, known.identity.fingerprint)
                == (&fresh.identity.sink, fresh.identity.fingerprint)
        },
        |known, fresh| known.name == fresh.name,
    ];
    for fits in passes {
        for (statement, name) in fresh.iter().zip(&mut names).filter(|(_, name)| name.is_none()) {
            // The same name first, where several fit.
            let same = |known: &&Statement| fits(known, statement);
            let at = free.iter().position(|known| same(known) && known.name == statement.name);
            if let Some(at) = at.or_else(|| free.iter().position(same)) {
                *name = Some(free.remove(at).name.clone());
            }
        }
    }
    let mut taken: Vec<String> =
        known.iter().map(|known| known.name.clone()).chain(names.iter().flatten().cloned()).collect();
    let mut assigned = Vec::new();
    for (statement, name) in fresh.iter().zip(names) {
        let name = name.unwrap_or_else(|| {
            let numbered = |number: usize| format!("{}_{number}", statement.identity.sink);
            let is_free = |name: &String| !taken.contains(name);
            let new = Some(statement.name.clone()).filter(is_free);
            new.or_else(|| (1..).map(numbered).find(is_free)).unwrap_or_default()
        });
        taken.push(name.clone());
        assigned.push(Statement { name, identity: statement.identity.clone() });
    }
    assigned
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::tests::refuses_damage;

    fn statement(name: &str, fingerprint: u64, output: u64) -> Statement {
        let sink = name.rsplit_once('_').unwrap().0.to_owned();
        Statement { name: name.to_owned(), identity: Identity { sink, fingerprint, output } }
    }

    fn names(known: &[Statement], fresh: &[Statement]) -> Vec<String> {
        assign(known, fresh).into_iter().map(|statement| statement.name).collect()
    }

    #[test]
    fn a_statement_keeps_its_name_wherever_it_stands() {
        let known = [statement("insert_out_1", 1, 1), statement("insert_out_2", 2, 1)];
        let inserted = [
            statement("insert_out_1", 9, 1),
            statement("insert_out_2", 1, 1),
            statement("insert_out_3", 2, 1),
        ];
        assert_eq!(names(&known, &inserted), ["insert_out_3", "insert_out_1", "insert_out_2"]);
        let swapped = [statement("insert_out_1", 2, 1), statement("insert_out_2", 1, 1)];
        assert_eq!(names(&known, &swapped), ["insert_out_2", "insert_out_1"]);
        let removed = [statement("insert_out_1", 2, 1)];
        assert_eq!(names(&known, &removed), ["insert_out_2"]);
    }

    #[test]
    fn a_changed_statement_is_the_one_that_nobody_else_is() {
        let known = [statement("insert_out_1", 1, 1), statement("insert_out_2", 2, 1)];
        let having = [
            statement("insert_out_1", 9, 9),
            statement("insert_out_2", 1, 2),
            statement("insert_out_3", 2, 1),
        ];
        assert_eq!(names(&known, &having), ["insert_out_3", "insert_out_1", "insert_out_2"]);
        let changed = [statement("insert_out_1", 7, 1), statement("insert_out_2", 2, 1)];
        assert_eq!(names(&known, &changed), ["insert_out_1", "insert_out_2"], "its state is refused by name");
        let other_sink = [statement("insert_team_1", 1, 1)];
        assert_eq!(names(&known, &other_sink), ["insert_team_1"]);
        assert_eq!(names(&[], &known), ["insert_out_1", "insert_out_2"]);
    }

    #[test]
    fn names_that_were_had_are_not_given_to_others() {
        let known = [statement("select_1", 1, 1), statement("select_2", 2, 1), statement("select_3", 3, 1)];
        let fresh = [statement("select_1", 3, 1), statement("select_2", 8, 1), statement("select_3", 9, 1)];
        assert_eq!(names(&known, &fresh), ["select_3", "select_2", "select_4"]);
    }

    #[test]
    fn what_is_kept_is_read_or_refused() {
        let store = Store::memory().unwrap();
        assert_eq!(read(&store).unwrap(), None);
        let statements = [statement("insert_out_1", 1, u64::MAX), statement("select_2", 2, 3)];
        write(&store, &statements).unwrap();
        assert_eq!(read(&store).unwrap().unwrap(), statements);
        refuses_damage(&store, NAME, read);
    }
}
