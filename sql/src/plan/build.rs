//! From a bound query to its plan.

use super::Plan;
use super::stage::{StageBuilder, collect};
use crate::bind::{
    Behind, BoundAggregate, BoundJoin, BoundOperator, BoundOrder, BoundOrderKey, BoundOutput, BoundQuery,
    BoundSelect, Lateness, OP, REVISION, SET_NUMBER, Windows,
};
use crate::expr::{Code, Expr, Node};
use crate::manifest::{
    Aggregate, Column, FORMAT, Field, Join, Key, Manifest, Operator, OrderKey, Output, Stage, Window,
    WindowOrder,
};
use crate::types::DataType;

pub(crate) fn build(query: BoundQuery) -> Plan {
    let BoundQuery { name, sql, input, columns, mut select, lateness, target, .. } = query;
    let read = columns_read(&mut select, columns.len());
    let place = |at: usize| read.binary_search(&at).unwrap_or_default();
    let fields: Vec<Field> = read.iter().filter_map(|at| columns.get(*at).cloned()).collect();
    let joins = joins(&select.joins, &read, columns.len());
    // Columns that are not read have a place too, so that `Node::Column` can go on counting all of them.
    let joined = select.joins.iter().flat_map(|join| &join.columns);
    let inputs = columns
        .iter()
        .chain(joined)
        .enumerate()
        .map(|(at, column)| (Column::Input(place(at)), column.data_type));
    let operators = select.operators.iter().enumerate();
    let operators = operators.map(|(at, bound)| (Column::Operator(at), bound.function.returns()));
    let places = inputs.chain(operators).collect();
    let mut before = StageBuilder::new(places, select.filter.take());
    let operators = select.operators.iter().map(|bound| operator(&mut before, bound)).collect();
    let sides = match select.windows {
        Some(windows) => windowed(&mut before, select, windows, place(windows.time)),
        None => Sides {
            window: None,
            emit: None,
            output: outputs(&mut before, &select.output),
            order: order(&mut before, select.order.as_ref()),
        },
    };
    let (ingest, ingest_code) = before.finish().unzip();
    let (emit, emit_code) = sides.emit.unzip();
    let manifest = Manifest {
        format: FORMAT,
        name,
        sql,
        input,
        columns: fields,
        joins,
        ingest,
        window: sides.window,
        emit,
        lateness_us: lateness.own_us,
        operators,
        output: sides.output.into_iter().chain(appended(lateness)).collect(),
        order: sides.order,
        target,
    };
    Plan { manifest, ingest: ingest_code, emit: emit_code }
}

/// What is in the windows and behind them.
struct Sides {
    window: Option<Window>,
    emit: Option<(Stage, Code)>,
    output: Vec<Output>,
    order: Option<WindowOrder>,
}

fn windowed(before: &mut StageBuilder, select: BoundSelect, windows: Windows, time: usize) -> Sides {
    let mut place_key = |(expr, text): &(Expr, String)| match expr.node {
        Node::Column(SET_NUMBER) => Key { column: Column::SetNumber, data_type: expr.data_type },
        _ => Key { column: before.place(expr, text), data_type: expr.data_type },
    };
    let keys: Vec<Key> = select.keys.iter().map(&mut place_key).collect();
    let aggregates: Vec<Aggregate> = select.aggregates.iter().map(|bound| aggregate(before, bound)).collect();
    let mut behind = StageBuilder::new(behind(&keys, &aggregates), select.having);
    let output = outputs(&mut behind, &select.output);
    let order = order(&mut behind, select.order.as_ref());
    let kind = windows.kind;
    assert!(0 < kind.slide_us() && kind.slide_us() <= kind.size_us(), "the binder checks the windows");
    let window = Window { kind, time, keys, sets: select.sets, aggregates };
    Sides { window: Some(window), emit: behind.finish(), output, order }
}

fn aggregate(before: &mut StageBuilder, bound: &BoundAggregate) -> Aggregate {
    let arguments = bound.arguments.iter().map(|(expr, text)| before.place(expr, text)).collect();
    Aggregate { arguments, ..bound.call() }
}

fn operator(before: &mut StageBuilder, bound: &BoundOperator) -> Operator {
    let key =
        |(expr, text): &(Expr, String)| Key { column: before.place(expr, text), data_type: expr.data_type };
    let keys = bound.keys.iter().map(key).collect();
    Operator { text: bound.text.clone(), function: bound.function, keys }
}

/// The columns behind the windows in the order of [`Behind`].
fn behind(keys: &[Key], aggregates: &[Aggregate]) -> Vec<(Column, DataType)> {
    let bounds = [(Column::WindowStart, DataType::Timestamp), (Column::WindowEnd, DataType::Timestamp)];
    assert_eq!((Behind::START, Behind::END, Behind::KEYS), (0, 1, bounds.len()), "the bounds come first");
    let keys = keys.iter().enumerate().map(|(at, key)| (Column::Key(at), key.data_type));
    let aggregates = aggregates.iter().enumerate().map(|(at, found)| (Column::Aggregate(at), found.returns));
    bounds.into_iter().chain(keys).chain(aggregates).collect()
}

fn outputs(stage: &mut StageBuilder, list: &[BoundOutput]) -> Vec<Output> {
    let output = |output: &BoundOutput| Output {
        name: output.name.text.clone(),
        data_type: output.expr.data_type,
        column: stage.place(&output.expr, &output.text),
    };
    list.iter().map(output).collect()
}

/// What ALLOW LATENESS appends to the SELECT list.
fn appended(lateness: Lateness) -> impl Iterator<Item = Output> {
    let columns =
        [(REVISION, DataType::Int64, Column::Revision), (OP, DataType::Text, Column::Op)].into_iter();
    let columns = columns.filter(move |_| lateness.is_revised);
    columns.map(|(name, data_type, column)| Output { name: name.to_owned(), data_type, column })
}

fn order(stage: &mut StageBuilder, order: Option<&BoundOrder>) -> Option<WindowOrder> {
    let BoundOrder { keys, limit } = order?;
    let key = |key: &BoundOrderKey| {
        let BoundOrderKey { value: (expr, text), descending, nulls_first } = key;
        let column = stage.place(expr, text);
        OrderKey { text: text.clone(), column, descending: *descending, nulls_first: *nulls_first }
    };
    Some(WindowOrder { keys: keys.iter().map(key).collect(), limit: *limit })
}

/// The tables of which something is read. `read` are the columns that are read; `first` is the first column of a table.
fn joins(bound: &[BoundJoin], read: &[usize], mut first: usize) -> Vec<Join> {
    let mut joins = Vec::new();
    for join in bound {
        let own = first..first + join.columns.len();
        let read_of_it = || read.iter().filter(|at| own.contains(at)).map(|at| at - own.start);
        let columns: Vec<Field> = read_of_it().filter_map(|at| join.columns.get(at).cloned()).collect();
        // No row is left out or doubled by a join, so one of which nothing is read changes nothing.
        if !columns.is_empty() {
            let key = read.binary_search(&join.key).unwrap_or_default();
            let paths = read_of_it().filter_map(|at| join.paths.get(at).cloned()).collect();
            let (table, table_key) = (join.table.clone(), join.table_key.clone());
            joins.push(Join { table, key, table_key, columns, paths });
        }
        first = own.end;
    }
    joins
}

/// The columns of the input that the query reads, and behind them those of tables, in their order.
fn columns_read(select: &mut BoundSelect, count: usize) -> Vec<usize> {
    let mut used = Vec::new();
    let mut add = |expr: &mut Expr| collect(expr, &mut used);
    select.filter.iter_mut().for_each(|(expr, _)| add(expr));
    select.keys.iter_mut().for_each(|(expr, _)| add(expr));
    select.operators.iter_mut().flat_map(|bound| &mut bound.keys).for_each(|(expr, _)| add(expr));
    select.aggregates.iter_mut().flat_map(|found| &mut found.arguments).for_each(|(expr, _)| add(expr));
    match select.windows {
        Some(windows) => used.push(windows.time),
        None => {
            select.output.iter_mut().for_each(|output| add(&mut output.expr));
            select.order.iter_mut().flat_map(|order| &mut order.keys).for_each(|key| add(&mut key.value.0));
        }
    }
    // What operators give stands behind the columns of the input and of the tables.
    let mut end = count + select.joins.iter().map(|join| join.columns.len()).sum::<usize>();
    used.retain(|&at| at < end);
    for join in select.joins.iter().rev() {
        let first = end - join.columns.len();
        if used.iter().any(|at| (first..end).contains(at)) {
            used.push(join.key);
        }
        end = first;
    }
    used.sort_unstable();
    used.dedup();
    used
}
