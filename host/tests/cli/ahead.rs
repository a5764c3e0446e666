//! What is part of the product is compiled when the binary is built.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::Command,
};

use tempfile::TempDir;

use crate::outcome;

const QUERY: &str = "
CREATE SOURCE s (v DOUBLE, ts TIMESTAMP, WATERMARK FOR ts AS ts)
WITH (connector = 'file', path = 'events.jsonl', format = 'json');
SELECT count(*) AS n, avg(v) AS mean, percentile(v, 50) AS middle FROM TUMBLE(s, ts, INTERVAL '10' SECOND)
WHERE v > 0;
";
const ROW: &str = "{\"n\":1,\"mean\":2.5,\"middle\":2.5}\n";

/// A copy of the binary in a folder with a program, so that it has a file of its own beside it.
struct Copied {
    folder: TempDir,
}

impl Copied {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        // By a process of its own: a process that another test starts meanwhile would have the file open for writing, and then it
        // cannot be started.
        let mut copy = Command::new("cp");
        copy.arg(env!("CARGO_BIN_EXE_streamgauge")).arg(path("streamgauge"));
        assert!(copy.status().unwrap().success());
        fs::write(path("query.sql"), QUERY).unwrap();
        fs::write(path("events.jsonl"), "{\"v\":2.5,\"ts\":\"2026-01-01T00:00:00Z\"}\n").unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.path("streamgauge"));
        command.current_dir(self.folder.path()).args(arguments);
        command.env("STREAMGAUGE_PLUGIN_CACHE", self.path("cache")).env("NO_COLOR", "1");
        command
    }

    /// Runs the program with an empty cache: how many components were compiled for it, and what was said.
    fn run(&self) -> (usize, String) {
        if self.path("cache").exists() {
            fs::remove_dir_all(self.path("cache")).unwrap();
        }
        let (status, rows, said) = outcome(&mut self.command(&["run", "query.sql"]));
        assert_eq!((status, rows.as_str()), (0, ROW), "{said}");
        (fs::read_dir(self.path("cache")).unwrap().count(), said)
    }
}

#[test]
fn plugins_of_the_product_are_not_compiled_again_where_they_were_compiled_ahead_of_time() {
    let copied = Copied::new();
    let (without, said) = copied.run();
    assert_eq!(without, 4, "the query and three aggregates");
    assert!(!said.contains("is not used"), "{said}");

    let (status, path, said) = outcome(&mut copied.command(&["compile-ahead-of-time"]));
    let ahead = copied.path("streamgauge.aot");
    assert_eq!((status, path), (0, format!("{}\n", ahead.display())), "{said}");
    let (with, said) = copied.run();
    assert_eq!(with, 1, "the query alone");
    assert!(!said.contains("is not used"), "{said}");

    // Somebody else could have put anything there.
    fs::set_permissions(&ahead, Permissions::from_mode(0o666)).unwrap();
    let (with, said) = copied.run();
    assert_eq!(with, 4);
    assert!(said.contains("streamgauge.aot is not used: others than its owner may write to it"), "{said}");
    fs::set_permissions(&ahead, Permissions::from_mode(0o644)).unwrap();

    // Damage in the table, and in all machine code: it is told once, and everything is compiled.
    let bytes = fs::read(&ahead).unwrap();
    for damaged in [60..61, bytes.len() / 100..bytes.len()] {
        let mut other = bytes.clone();
        other[damaged].iter_mut().for_each(|byte| *byte ^= 1);
        fs::write(&ahead, other).unwrap();
        let (with, said) = copied.run();
        assert_eq!(with, 4);
        assert_eq!(said.matches("is not used").count(), 1, "{said}");
        assert!(said.contains("it is damaged: build Streamgauge again"), "{said}");
    }
}
