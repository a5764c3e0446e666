//! Which parameters a signature is tried with.

use crate::{Cell, DataType, Parameter, Reducer, Signature, Stop, rows::ends};

/// Parameters that open a signature, and what went wrong on the way.
pub(crate) struct Tried {
    /// Sets of values that `open` took: the defaults first.
    pub(crate) taken: Vec<Vec<Cell>>,
    /// Values that made it trap, and how; or defaults that it refuses.
    pub(crate) wrong: Option<(Vec<Cell>, String, Stop)>,
}

/// Tries the defaults, then each parameter at the ends of its type and NULL, the others as they were.
pub(crate) fn tried(reducer: &dyn Reducer, number: u32, signature: &Signature) -> Tried {
    let mut tried = Tried { taken: Vec::new(), wrong: None };
    let Some(base) = base(reducer, number, signature, &mut tried) else { return tried };
    tried.taken.push(base.clone());
    for (index, parameter) in signature.parameters.iter().enumerate() {
        let others = ends(parameter.data_type).into_iter().chain([Cell::Null]);
        for cell in others.filter(|cell| base.get(index) != Some(cell)) {
            let mut values = base.clone();
            values.iter_mut().skip(index).take(1).for_each(|value| *value = cell.clone());
            match reducer.open(number, &values).map(drop) {
                Ok(()) => tried.taken.push(values),
                Err(Stop::Refused(_)) => {}
                Err(stop) => {
                    let what = format!("`open` with an unusual value of the parameter `{}`", parameter.name);
                    tried.wrong.get_or_insert((values, what, stop));
                }
            }
        }
    }
    let beyond = reducer.open(u32::MAX, &base).map(drop);
    if !matches!(beyond, Err(Stop::Refused(_))) {
        let what = format!("`open` of the signature {}, which `describe` does not have", u32::MAX);
        let stop = beyond.err().unwrap_or_else(|| Stop::Refused("nothing: it was opened".to_owned()));
        tried.wrong.get_or_insert((base, what, stop));
    }
    tried
}

/// The defaults; for a parameter without one, the first value that is taken.
fn base(reducer: &dyn Reducer, number: u32, signature: &Signature, tried: &mut Tried) -> Option<Vec<Cell>> {
    let choices = |parameter: &Parameter| match &parameter.default {
        Some(default) => vec![default.clone()],
        None => usual(parameter.data_type),
    };
    let choices: Vec<Vec<Cell>> = signature.parameters.iter().map(choices).collect();
    let longest = choices.iter().map(Vec::len).max().unwrap_or(1);
    for round in 0..longest {
        let pick = |values: &Vec<Cell>| values.get(round % values.len().max(1)).cloned().unwrap_or_default();
        let values: Vec<Cell> = choices.iter().map(pick).collect();
        match reducer.open(number, &values).map(drop) {
            Ok(()) => {
                tried.wrong = None;
                return Some(values);
            }
            Err(stop) => {
                let what = match signature.parameters.is_empty() {
                    true => "`open`".to_owned(),
                    false => "`open` with the defaults, and usual values where there is none".to_owned(),
                };
                tried.wrong.get_or_insert((values, what, stop));
            }
        }
    }
    None
}

/// What people give for a parameter of a type.
fn usual(data_type: DataType) -> Vec<Cell> {
    match data_type {
        DataType::Boolean => vec![Cell::Boolean(true), Cell::Boolean(false)],
        DataType::Int64 => [10, 1, 2, 100, 0, 60_000_000].map(Cell::Int64).into(),
        DataType::Float64 => [0.5, 1.0, 50.0, 0.0, 2.0, 100.0].map(Cell::Float64).into(),
        DataType::Timestamp => [0, 1_700_000_000_000_000].map(Cell::Timestamp).into(),
        DataType::Text => ["a", "", ",", "UTC", "1 minute"].map(|text| Cell::Text(text.into())).into(),
    }
}

/// Parameters for people.
pub(crate) fn shown(signature: &Signature, values: &[Cell]) -> String {
    let pairs = signature.parameters.iter().zip(values);
    pairs.map(|(parameter, value)| format!("{} = {value}", parameter.name)).collect::<Vec<_>>().join(", ")
}
