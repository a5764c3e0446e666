//! Step 2: names, types and conversions. Statements are bound in order; each sees those before it.

mod relation;
mod from;
mod find;
mod row_view;
mod named_query;
mod lateness;
mod updates;
mod late_data;
mod printed;
mod source;
mod table;
mod join;
mod sink;
mod plugin;
mod value;
mod options;
mod connector;
mod headers;
mod kafka;
mod query;
mod star;
mod output;
mod order;
mod distinct;
mod grouping;
mod over;
mod window;
mod window_function;
mod within_group;
mod scope;
mod expression;
mod literal;
mod convert;
mod operator;
mod function;
mod library;
mod time;
mod pattern;
mod aggregate;
mod alias;
mod share;
mod doubtful;
mod signature;
mod refused;

use sqlparser::tokenizer::Span;

use crate::catalog::Catalog;
use crate::error::{Checked, Problem};
use crate::errors::both;
use crate::manifest::{Field, Input, Sink, Source, Table, Target};
use crate::parse::Statement;
use crate::parse::name::{Name, same};
use crate::parse::options::OptionDef;
use crate::parse::plugin::PluginDef;
use crate::parse::select::Select;
use crate::parse::statement::{Body, SinkDef};
use crate::parse::table::TableDef;
use crate::variables::Variables;
use named_query::Hidden;
use plugin::{Names, OwnAggregate, OwnConnector, OwnConnectors};
use relation::{Relation, RelationColumn, RelationKind, TimeRole};
use value::GivenOptions;

pub(crate) use aggregate::BoundAggregate;
pub(crate) use grouping::SET_NUMBER;
pub(crate) use join::BoundJoin;
pub(crate) use lateness::{Lateness, OP, REVISION};
pub(crate) use order::{BoundOrder, BoundOrderKey};
pub(crate) use over::BoundOperator;
pub use printed::Printed;
pub(crate) use query::{Behind, BoundOutput, BoundSelect, Computed};
pub(crate) use window::Windows;

/// A query with everything that the plan needs.
#[derive(Clone, Debug)]
pub(crate) struct BoundQuery {
    /// Of the component's file.
    pub(crate) name: String,
    pub(crate) sql: String,
    pub(crate) input: Input,
    /// All columns of the input.
    pub(crate) columns: Vec<Field>,
    pub(crate) select: BoundSelect,
    pub(crate) lateness: Lateness,
    /// Whether its rows come before their windows close.
    pub(crate) is_preview: bool,
    pub(crate) target: Target,
}

/// The statements of a program so far.
pub(crate) struct Binder<'a> {
    catalog: &'a dyn Catalog,
    variables: &'a Variables,
    /// Every name that the program declares somewhere.
    declared: &'a [String],
    relations: Vec<Relation>,
    /// Declared by statements that were reported: what reads them is not reported again.
    broken: Vec<String>,
    pub(crate) sources: Vec<Source>,
    pub(crate) tables: Vec<Table>,
    pub(crate) sinks: Vec<Sink>,
    /// CREATE AGGREGATE.
    own_aggregates: Vec<OwnAggregate>,
    /// CREATE CONNECTOR.
    own_connectors: Vec<OwnConnector>,
    /// Names of queries.
    names: Vec<String>,
    /// Queries of WITH that the statement which is bound may read.
    named: Vec<Relation>,
    /// How many queries that one stands in which is bound.
    depth: usize,
    /// Queries in queries that run as views.
    hidden: Vec<Hidden>,
    /// Those of the statement which is bound.
    before: Vec<BoundQuery>,
    /// Queries that read what the statement which is bound leaves over.
    behind: Vec<BoundQuery>,
    /// Views that are read in the place of a source by the queries over them.
    pub(crate) inlined: Vec<String>,
    /// How much may still be written into queries in the place of what they read.
    room: usize,
    pub(crate) warnings: Vec<Problem>,
    /// What EXPLAIN and DESCRIBE print.
    pub(crate) printed: Vec<Printed>,
    /// Which of the program's files is read.
    pub(crate) file: usize,
    /// How it is called.
    pub(crate) file_name: &'a str,
    /// Where the options of sinks stand.
    pub(crate) option_places: Vec<OptionPlace>,
}

/// Where an option of a sink stands.
pub(crate) struct OptionPlace {
    pub(crate) sink: String,
    pub(crate) key: String,
    pub(crate) file: usize,
    pub(crate) span: Span,
}

impl<'a> Binder<'a> {
    pub(crate) fn new(catalog: &'a dyn Catalog, variables: &'a Variables, declared: &'a [String]) -> Self {
        let (relations, broken, names) = (Vec::new(), Vec::new(), Vec::new());
        let (sources, sinks, warnings) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            catalog,
            variables,
            declared,
            relations,
            broken,
            sources,
            tables: Vec::new(),
            sinks,
            own_aggregates: Vec::new(),
            own_connectors: Vec::new(),
            names,
            named: Vec::new(),
            depth: 0,
            hidden: Vec::new(),
            before: Vec::new(),
            behind: Vec::new(),
            inlined: Vec::new(),
            room: row_view::ROOM,
            warnings,
            printed: Vec::new(),
            file: 0,
            file_name: "",
            option_places: Vec::new(),
        }
    }

    /// A statement that declares this name was reported.
    pub(crate) fn mark_broken(&mut self, name: String) {
        self.broken.push(name);
    }

    /// Binds a statement; the definitions of sources and sinks give no query, and one with queries in it may give several, in the order in
    /// which they read each other.
    pub(crate) fn bind(&mut self, statement: &Statement) -> Checked<Vec<BoundQuery>> {
        let query = self.bind_own(statement);
        let (mut queries, behind) = (std::mem::take(&mut self.before), std::mem::take(&mut self.behind));
        queries.extend(query?);
        queries.extend(behind);
        Ok(queries)
    }

    fn bind_own(&mut self, statement: &Statement) -> Checked<Option<BoundQuery>> {
        match &statement.body {
            Body::CreateSource(def) => self.create_source(def).map(|()| None),
            Body::CreateTable(def) => self.create_table(def).map(|()| None),
            Body::CreateSink(def) => self.create_sink(def).map(|()| None),
            Body::CreateAggregate(def) => self.create_aggregate(def).map(|()| None),
            Body::CreateConnector(def) => self.create_connector(def).map(|()| None),
            Body::CreateView(name, select) => self.create_view(name, select, &statement.sql).map(Some),
            Body::Insert(name, select) => {
                let sink = match self.find_sink(name) {
                    Ok(sink) => sink,
                    Err(problem) => {
                        let query = self.query(String::new(), select, &statement.sql, Target::Console);
                        return both(Err(problem), query).map(|((), query)| Some(query));
                    }
                };
                let query = self.numbered(&format!("insert_{}", sink.to_lowercase()), name.span)?;
                self.query(query, select, &statement.sql, Target::Sink(sink)).map(Some)
            }
            Body::Select(select) => {
                let query = self.numbered("select", select.span)?;
                self.query(query, select, &statement.sql, Target::Console).map(Some)
            }
            Body::Explain(body) => self.explain(body, statement).map(|()| None),
            Body::Describe(name) => self.describe(name).map(|()| None),
        }
    }

    fn create_source(&mut self, def: &crate::parse::source::SourceDef) -> Checked<()> {
        self.check_name(&def.name, self.readable(), "source")?;
        let source = self.with_values(&def.options, |given, catalog| source::bind(def, given, catalog));
        let wrong = def.wrong.clone().map_or(Ok(()), Err);
        let ((), source) = both(wrong, source)?;
        let notes = def.columns.iter().filter_map(|column| column.note);
        self.warnings.extend(notes.map(|(span, note)| {
            let (message, help) = note.words();
            *Problem::new(span, message).help(help)
        }));
        let time = source.watermark.map(|watermark| watermark.column);
        let columns = def.columns.iter().enumerate();
        let columns = columns.map(|(at, column)| RelationColumn {
            name: column.name.clone(),
            data_type: column.data_type,
            role: if time == Some(at) { TimeRole::EventTime } else { TimeRole::None },
        });
        let (name, columns) = (def.name.text.clone(), columns.collect());
        let input = Input::Source(name.clone());
        let kind = RelationKind::Source { time };
        self.relations.push(Relation {
            name,
            kind,
            input,
            columns,
            is_named: false,
            is_revised: false,
            is_preview: false,
        });
        self.sources.push(source);
        Ok(())
    }

    fn create_table(&mut self, def: &TableDef) -> Checked<()> {
        self.check_name(&def.name, self.readable(), "table")?;
        let table = self.with_values(&def.options, |given, _| table::bind(def, given));
        let wrong = def.wrong.clone().map_or(Ok(()), Err);
        let ((), table) = both(wrong, table)?;
        self.tables.push(table);
        Ok(())
    }

    fn create_sink(&mut self, def: &SinkDef) -> Checked<()> {
        self.check_name(&def.name, self.sinks.iter().map(|sink| sink.name.as_str()), "sink")?;
        let (list, broken) = (self.own_connectors.clone(), self.broken.clone());
        let own = OwnConnectors { list: &list, names: Names { declared: self.declared, broken: &broken } };
        let sink = self.with_values(&def.options, |given, catalog| sink::bind(def, given, catalog, own))?;
        self.option_places.extend(def.options.iter().map(|option| OptionPlace {
            sink: sink.name.clone(),
            key: option.key.clone(),
            file: self.file,
            span: option.span,
        }));
        self.sinks.push(sink);
        Ok(())
    }

    fn create_aggregate(&mut self, def: &PluginDef) -> Checked<()> {
        let names = self.own_aggregates.iter().map(|own| own.reducer.name.as_str());
        self.check_name(&def.name, names, "aggregate")?;
        let file = self.file_name;
        let bind = |given: &GivenOptions, catalog: &dyn Catalog| plugin::aggregate(def, given, file, catalog);
        let (own, warning) = self.with_values(&def.options, bind)?;
        self.own_aggregates.push(own);
        self.warnings.extend(warning.map(|problem| *problem));
        Ok(())
    }

    fn create_connector(&mut self, def: &PluginDef) -> Checked<()> {
        self.check_name(&def.name, self.own_connectors.iter().map(|own| own.name.as_str()), "connector")?;
        let file = self.file_name;
        let bind = |given: &GivenOptions, catalog: &dyn Catalog| plugin::connector(def, given, file, catalog);
        let (own, warning) = self.with_values(&def.options, bind)?;
        self.own_connectors.push(own);
        self.warnings.extend(warning.map(|problem| *problem));
        Ok(())
    }

    /// Binds a definition whose options have their values.
    fn with_values<T>(
        &mut self,
        options: &[OptionDef],
        bind: impl FnOnce(&GivenOptions, &dyn Catalog) -> Checked<T>,
    ) -> Checked<T> {
        let mut given = GivenOptions::new(options, self.variables)?;
        self.warnings.append(&mut given.warnings);
        bind(&given, self.catalog).map_err(|problem| given.with_origin(problem))
    }

    fn create_view(&mut self, name: &Name, select: &Select, sql: &str) -> Checked<BoundQuery> {
        self.check_name(name, self.readable(), "view")?;
        let file = name.text.to_lowercase();
        if self.names.contains(&file) {
            return Err(Problem::new(name.span, format!("another query has the name `{file}` already"))
                .help("choose another name"));
        }
        self.names.push(file.clone());
        let query = self.query(file.clone(), select, sql, Target::View)?;
        let columns = query.select.output.iter().map(RelationColumn::of).collect();
        let kind = self.view_kind(&query);
        let (is_revised, is_preview) = (query.lateness.is_revised, query.is_preview);
        let (name, input) = (name.text.clone(), Input::View(file));
        self.relations.push(Relation { name, kind, input, columns, is_named: false, is_revised, is_preview });
        Ok(query)
    }

    /// A name becomes a file and a field of metrics, and must be new.
    fn check_name<'n>(
        &self,
        name: &Name,
        mut others: impl Iterator<Item = &'n str>,
        what: &str,
    ) -> Checked<()> {
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
        if !name.text.chars().all(fits) || name.text.chars().count() > 100 {
            return Err(Problem::new(name.span, format!("`{}` cannot be the name of a {what}", name.text))
                .help("use up to 100 letters, digits, `_` and `-`"));
        }
        if others.any(|other| same(other, &name.text)) {
            return Err(Problem::new(name.span, format!("`{}` is declared already", name.text))
                .help("choose another name"));
        }
        Ok(())
    }

    /// `insert_<sink>_<n>` and `select_<n>`, from 1.
    fn numbered(&mut self, prefix: &str, span: Span) -> Checked<String> {
        let count = self.names.iter().filter(|name| number(name, prefix)).count();
        let name = format!("{prefix}_{}", count + 1);
        if self.relations.iter().any(|relation| same(&relation.name, &name)) {
            return Err(Problem::new(
                span,
                format!("this query would be called `{name}`, as a view is already"),
            )
            .help("give the view another name"));
        }
        self.names.push(name.clone());
        Ok(name)
    }

    fn query(&mut self, name: String, select: &Select, sql: &str, target: Target) -> Checked<BoundQuery> {
        let (query, relation) = self.query_and_relation(name, select, sql, target)?;
        let late = self.bind_late_data(select, &query, &relation)?;
        self.behind.extend(late);
        Ok(query)
    }

    /// A query, and what it reads.
    fn query_and_relation(
        &mut self,
        name: String,
        select: &Select,
        sql: &str,
        target: Target,
    ) -> Checked<(BoundQuery, Relation)> {
        let known = self.named.len();
        let bound = self.bind_with(&select.with, sql).and_then(|()| self.bind_select(select, sql));
        self.named.truncate(known);
        let (relation, bound) = bound?;
        let lateness = lateness::bind(select, &bound, &relation)?;
        let is_preview = select.updates.is_some() || relation.is_preview;
        let columns = relation.columns.iter();
        let columns =
            columns.map(|column| Field { name: column.name.text.clone(), data_type: column.data_type });
        let (input, columns) = (relation.input.clone(), columns.collect());
        let sql = sql.to_owned();
        Ok((BoundQuery { name, sql, input, columns, select: bound, lateness, is_preview, target }, relation))
    }
}

/// Whether a name is `prefix_<number>`.
fn number(name: &str, prefix: &str) -> bool {
    let digits = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_'));
    digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}
