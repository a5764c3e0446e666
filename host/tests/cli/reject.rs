//! What the connectors themselves refuse: `tests/cli/reject/*.sql`, and those cases of `sql/tests/reject` that are about sources
//! and sinks, whose options the tests of `sql` restate. What is said stands beside each.
//!
//! `UPDATE_GOLDEN=1 cargo test` rewrites what is expected of the former; read it before it is committed.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use streamgauge::deploy::{Connectors, HostCatalog};
use streamgauge_component::{plugins::Plugins, runtime::Runtime};
use streamgauge_kafka::Depth;
use streamgauge_sql::{SourceText, compile};

/// The queries of a folder whose names begin so.
fn cases(folder: &str, prefixes: &[&str]) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths: Vec<PathBuf> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    let is_case = |path: &Path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.ends_with(".sql") && prefixes.iter().any(|prefix| name.starts_with(prefix))
    };
    paths.retain(|path| is_case(path));
    paths.sort();
    assert!(!paths.is_empty(), "no case in {folder}");
    paths
}

/// What the host says of a program.
fn said(path: &Path, plugins: &Plugins, connectors: &Connectors) -> String {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let file = SourceText { name: name.clone(), text: fs::read_to_string(path).unwrap() };
    match compile(&[file], &HostCatalog { plugins, connectors, depth: Depth::Quick }) {
        Ok(_) => panic!("{name} is accepted"),
        Err(found) => found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n") + "\n",
    }
}

#[test]
fn connectors_refuse_what_is_wrong_where_it_stands() {
    let (plugins, connectors) = (Plugins::embedded(Runtime::new().unwrap()), Connectors::default());
    for path in cases("tests/cli/reject", &[""]) {
        let said = said(&path, &plugins, &connectors);
        let beside = path.with_extension("err");
        if env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&beside, &said).unwrap();
        }
        assert_eq!(fs::read_to_string(&beside).unwrap_or_default(), said, "{}", path.display());
    }
}

#[test]
fn the_tests_of_sql_restate_the_options_as_the_connectors_do() {
    let (plugins, connectors) = (Plugins::embedded(Runtime::new().unwrap()), Connectors::default());
    for path in cases("../sql/tests/reject", &["sink_", "source_", "secret_", "trailing_text_sink"]) {
        let expected = fs::read_to_string(path.with_extension("err")).unwrap();
        assert_eq!(said(&path, &plugins, &connectors), expected, "{}", path.display());
    }
}
