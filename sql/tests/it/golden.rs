//! `tests/cases/*.sql` with the plan beside each, `tests/reject/*.sql` with the diagnostics beside each.
//!
//! `UPDATE_GOLDEN=1 cargo test` rewrites what is expected; read it before it is committed.

use std::fs;
use std::path::{Path, PathBuf};

use streamgauge_sql::{SourceText, compile, format};

use crate::catalog::Builtin;

#[test]
fn cases() {
    check("cases", "plan", |files| match compile(files, &Builtin) {
        Ok(compiled) => {
            let warnings = compiled.warnings.iter().map(ToString::to_string);
            let plans = compiled.program.queries.iter().map(|query| query.plan.to_string());
            Ok(warnings.chain(plans).collect())
        }
        Err(diagnostics) => Err(format!("rejected: {}", lines(&diagnostics))),
    });
}

#[test]
fn rejects() {
    check("reject", "err", |files| match compile(files, &Builtin) {
        Ok(compiled) if !compiled.endless.is_empty() => {
            Ok(compiled.endless.iter().map(|endless| endless.diagnostic.to_string()).collect())
        }
        Ok(compiled) => {
            let nothing = compiled.writes_nowhere.ok_or_else(|| "accepted".to_owned())?;
            Ok(vec![nothing.to_string()])
        }
        Err(diagnostics) => Ok(diagnostics.iter().map(ToString::to_string).collect()),
    });
}

#[test]
fn a_program_that_is_laid_out_anew_has_the_same_plans() {
    let plans = |file: &SourceText| {
        let queries = compile(std::slice::from_ref(file), &Builtin).unwrap().program.queries;
        queries.iter().map(|query| query.plan.to_string()).collect::<Vec<_>>()
    };
    for path in paths(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")) {
        let file = SourceText { name: path.display().to_string(), text: fs::read_to_string(&path).unwrap() };
        let formatted = SourceText { text: format(&file).unwrap(), ..file.clone() };
        assert_eq!(format(&formatted).as_ref(), Ok(&formatted.text), "{}: laid out again", file.name);
        assert_eq!(plans(&formatted), plans(&file), "{}", file.name);
    }
}

#[test]
fn layouts() {
    check("layouts", "laid_out", |files| {
        let [file] = files else { return Err("one file".to_owned()) };
        format(file).map(|text| vec![text.trim_end().to_owned()]).map_err(|why| why.to_string())
    });
}

#[test]
fn any_file_that_is_laid_out_stays_as_it_is() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let examples = fs::read_dir(tests.join("../../examples")).unwrap();
    let folders = ["cases", "reject", "layouts"].map(|folder| tests.join(folder));
    let examples = examples.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let (mut laid_out, mut refused) = (0, Vec::new());
    for folder in folders.into_iter().chain(examples) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "sql") {
                continue;
            }
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let file = SourceText { name: name.clone(), text: fs::read_to_string(&path).unwrap() };
            match format(&file) {
                Ok(text) => {
                    let again = SourceText { text: text.clone(), ..file };
                    assert_eq!(format(&again), Ok(text), "{name}: laid out again");
                    laid_out += 1;
                }
                Err(_) => refused.push(name),
            }
        }
    }
    refused.sort();
    assert_eq!(refused, ["backtick_open.sql", "unclosed_string.sql"], "only what has no tokens");
    assert!(laid_out > 250, "{laid_out}");
}

/// The queries of a folder.
fn paths(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
    paths.sort();
    assert!(!paths.is_empty(), "no case in {}", folder.display());
    paths
}

fn lines(list: &[impl ToString]) -> String {
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Compares what `run` gives for each `.sql` with the file beside it.
fn check(folder: &str, extension: &str, run: impl Fn(&[SourceText]) -> Result<Vec<String>, String>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let paths = paths(&root);
    let mut failures = Vec::new();
    for path in &paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let file = SourceText { name: name.clone(), text: fs::read_to_string(path).unwrap() };
        let found = match run(&[file]) {
            Ok(parts) => parts.join("\n\n") + "\n",
            Err(error) => {
                failures.push(format!("{name}: {error}"));
                continue;
            }
        };
        let beside = path.with_extension(extension);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&beside, &found).unwrap();
        } else if fs::read_to_string(&beside).unwrap_or_default() != found {
            failures.push(format!("{name}: {} differs; now it is\n{found}", beside.display()));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
