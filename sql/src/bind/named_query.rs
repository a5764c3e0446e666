//! WITH and queries in FROM: queries that one statement reads by a name of its own.
//!
//! A query that selects rows is read in the place of what it reads, as if its WHERE and SELECT list were written in the query over it. One
//! with windows runs as a view of its own. It is named by what its state means, so the state is kept when the statement moves in
//! the file.

use std::fmt::Write as _;

use sqlparser::tokenizer::Span;

use super::query::BoundSelect;
use super::relation::{Relation, RelationColumn, RelationKind, RowView};
use super::{Binder, BoundQuery, row_view};
use crate::error::{Checked, Problem};
use crate::expr::Node;
use crate::manifest::{Input, Target, WindowKind};
use crate::parse::name::{Name, same};
use crate::parse::select::{Item, NamedQuery, Select};

/// How deep queries may stand in queries.
const DEPTH_MAX: usize = 20;

impl Binder<'_> {
    /// Binds what a query reads by names of its own.
    pub(super) fn bind_with(&mut self, with: &[NamedQuery], sql: &str) -> Checked<()> {
        let before = self.named.len();
        for NamedQuery { name, select } in with {
            if self.named.iter().skip(before).any(|known| same(&known.name, &name.text)) {
                return Err(Problem::new(
                    name.span,
                    format!("two queries of WITH have the name `{}`", name.text),
                )
                .help("choose another name"));
            }
            let relation = self.bind_named(name, select, sql)?;
            self.named.push(relation);
        }
        Ok(())
    }

    /// A query in a query, as a relation.
    pub(super) fn bind_named(&mut self, name: &Name, select: &Select, sql: &str) -> Checked<Relation> {
        if let Some(to) = &select.late_to {
            return Err(Problem::new(to.span, "LATE DATA TO stands in a statement, not in a query in it")
                .help("write CREATE VIEW name AS SELECT ... LATE DATA TO sink, and read that view"));
        }
        if self.depth >= DEPTH_MAX {
            return Err(Problem::new(name.span, format!("more than {DEPTH_MAX} queries inside each other"))
                .help("write CREATE VIEW name AS SELECT ... for some of them"));
        }
        self.check_name(name, std::iter::empty(), "query")?;
        self.depth += 1;
        let query = self.query_and_relation(String::new(), select, sql, Target::View);
        self.depth -= 1;
        let (query, source) = query?;
        let columns = query.select.output.iter().map(RelationColumn::of).collect();
        let bound = &query.select;
        let (is_revised, is_preview) = (query.lateness.is_revised, query.is_preview);
        let selects_rows = bound.windows.is_none() && bound.operators.is_empty() && bound.order.is_none();
        let (kind, input) = if selects_rows {
            let view = RowView { source, select: Some(query.select) };
            (RelationKind::RowView(Box::new(view)), query.input)
        } else {
            let kind = row_view::window_view(bound);
            let mut meaning = meaning(&query.input, bound);
            if select.updates.is_some() {
                meaning.push_str("is a preview\n");
            }
            if let Some(us) = query.lateness.own_us {
                // Writing to a string does not fail.
                let _ = writeln!(meaning, "allows lateness {us} us");
            }
            let file = self.file_of(&name.text.to_lowercase(), meaning, select, query);
            (kind, Input::View(file))
        };
        Ok(Relation { name: name.text.clone(), kind, input, columns, is_named: true, is_revised, is_preview })
    }

    /// The name under which a query with windows runs; equal ones run once.
    fn file_of(&mut self, name: &str, meaning: String, select: &Select, query: BoundQuery) -> String {
        let text = written(select);
        let name = format!("{name}_{:016x}", fnv1a(meaning.as_bytes()));
        let is_same =
            |hidden: &&Hidden| hidden.name == name && hidden.meaning == meaning && hidden.text == text;
        if let Some(known) = self.hidden.iter().find(is_same) {
            return known.file.clone();
        }
        let mut file = name.clone();
        let mut number = 2;
        while self.names.contains(&file) {
            file = format!("{name}_{number}");
            number += 1;
        }
        self.names.push(file.clone());
        self.hidden.push(Hidden { name, meaning, text, file: file.clone() });
        self.before.push(BoundQuery { name: file.clone(), ..query });
        file
    }

    /// The relation that a query really reads, and the query over it. A query in a query that selects rows is not there when the program
    /// runs, and windows over a view that does so are windows over its source.
    pub(super) fn read_through(
        &mut self,
        relation: Relation,
        select: BoundSelect,
        span: Span,
    ) -> Checked<(Relation, BoundSelect)> {
        match &relation.kind {
            RelationKind::RowView(view) if relation.is_named || select.windows.is_some() => {
                if let (Input::View(name), false) = (&relation.input, relation.is_named) {
                    self.inlined.push(name.clone());
                }
                check_keys(&select, view)?;
                let Some(select) = row_view::through(select, &relation, view, &mut self.room) else {
                    return Err(Problem::new(
                        span,
                        format!("with all that {} computes, this query is too large", relation.describe()),
                    )
                    .help("a query that names a column twice computes it twice: compute less in the queries that it reads"));
                };
                self.read_through(view.source.clone(), select, span)
            }
            _ => Ok((relation, select)),
        }
    }
}

/// A table is looked up before anything is computed, so the key must be there by then.
fn check_keys(select: &BoundSelect, view: &RowView) -> Checked<()> {
    let Some(inner) = &view.select else { return Ok(()) };
    for join in &select.joins {
        if let Some(output) = inner.output.get(join.key)
            && !matches!(output.expr.node, Node::Column(_))
        {
            let message =
                format!("`{}` is computed, and a table is joined on a column as it comes", output.name.text);
            return Err(Problem::new(join.span, message)
                .help("join on a column of the source or of a table, or make the windows first and join the table to the view with them"));
        }
    }
    Ok(())
}

/// What tells queries of one meaning apart: HAVING, the SELECT list and the order.
fn written(select: &Select) -> String {
    let items = select.items.iter().map(|item| match item {
        Item::All(..) => "*".to_owned(),
        Item::Expr(written, alias) => {
            format!("{} AS {}", written.expr, alias.as_ref().map_or("", |alias| alias.text.as_str()))
        }
    });
    let having = select.having.iter().map(|having| format!("HAVING {}", having.expr));
    let order = select.order_by.iter().flat_map(|order| {
        let keys = order
            .keys
            .iter()
            .map(|key| format!("{} {} {}", key.written.expr, key.descending, key.nulls_first));
        keys.chain([format!("LIMIT {:?}", order.limit)])
    });
    items.chain(having).chain(order).collect::<Vec<_>>().join("\n")
}

/// A query in a query that runs as a view of its own.
pub(crate) struct Hidden {
    /// What its author calls it, and the hash of what its state means.
    name: String,
    /// What its state means.
    meaning: String,
    /// What else tells it apart.
    text: String,
    file: String,
}

/// What the state of a query with windows means: all but HAVING, the SELECT list and the order.
fn meaning(input: &Input, select: &BoundSelect) -> String {
    let (Input::Source(from) | Input::View(from) | Input::Late(from)) = input;
    let mut text = format!("reads {from}\n");
    // Writing to a string does not fail.
    let mut line = |word: &str, of: &str| {
        let _ = writeln!(text, "{word} {of}");
    };
    select.joins.iter().for_each(|join| line("joins", &format!("{} on column {}", join.table, join.key)));
    select.filter.iter().for_each(|(_, filter)| line("where", filter));
    if let Some(windows) = select.windows {
        line("windows", &windows_of(windows.kind));
    }
    select.keys.iter().for_each(|(_, key)| line("groups by", key));
    select.sets.iter().for_each(|set| line("with the set", &set.to_string()));
    for aggregate in &select.aggregates {
        let arguments: Vec<&str> = aggregate.arguments.iter().map(|(_, text)| text.as_str()).collect();
        line("reduces", &format!("{} of {} as {}", aggregate.reducer, arguments.join(", "), aggregate.text));
    }
    text
}

/// What windows are, as long as the hash of it names states.
fn windows_of(kind: WindowKind) -> String {
    let (size_us, slide_us) = (kind.size_us(), kind.slide_us());
    let windows = match kind {
        WindowKind::Tumble { .. } | WindowKind::Hop { .. } => format!("{size_us} us every {slide_us} us"),
        WindowKind::Cumulate { .. } => format!("up to {size_us} us by {slide_us} us"),
        WindowKind::Session { gap_us, max_length_us } => {
            format!("sessions of {gap_us} us in {max_length_us} us")
        }
        WindowKind::Whole => "the whole input".to_owned(),
    };
    match kind.offset_us() {
        0 => windows,
        offset_us => format!("{windows} from {offset_us} us"),
    }
}

/// The hash FNV-1a: it names states, so it is the same for ever.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
