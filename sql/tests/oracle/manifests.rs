//! A manifest for code that no SQL stands behind.

use streamgauge_sql::expr::Code;
use streamgauge_sql::manifest::{Column, FORMAT, Field, Input, Manifest, Stage, Target};

pub fn manifest(ingest: Option<&Code>, emit: Option<&Code>) -> Manifest {
    let types = ingest.map_or(&[][..], |code| &code.arguments);
    let field = |(number, &data_type)| Field { name: format!("c{number}"), data_type };
    Manifest {
        format: FORMAT,
        name: "select_1".into(),
        sql: "SELECT".into(),
        input: Input::Source("s".into()),
        columns: types.iter().enumerate().map(field).collect(),
        joins: Vec::new(),
        ingest: ingest.map(stage),
        window: None,
        emit: emit.map(stage),
        lateness_us: None,
        operators: vec![],
        order: None,
        output: vec![],
        target: Target::Console,
    }
}

fn stage(code: &Code) -> Stage {
    let expressions = code.computed.len() + usize::from(code.filter.is_some());
    Stage {
        arguments: (0..code.arguments.len()).map(Column::Input).collect(),
        filters: code.filter.is_some(),
        computed: code.computed.iter().map(|expr| expr.data_type).collect(),
        expressions: vec!["expression".into(); expressions],
    }
}
