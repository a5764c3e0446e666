//! Plugins of users are compiled in a process of its own, and their machine code is kept.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use tempfile::TempDir;

use crate::{hostile, outcome, streamgauge};

const QUERY: &str = "
CREATE SOURCE s (model TEXT, v DOUBLE, ts TIMESTAMP, WATERMARK FOR ts AS ts)
WITH (connector = 'file', path = 'events.jsonl', format = 'json');
CREATE AGGREGATE mine FROM 'mine.wasm';
SELECT mine(v) AS m FROM TUMBLE(s, ts, INTERVAL '10' SECOND);
";
/// A folder with a program that uses a plugin, and a folder for its machine code that is not there yet.
struct Program {
    folder: TempDir,
}

impl Program {
    fn new(component: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("query.sql"), QUERY).unwrap();
        fs::write(folder.path().join("mine.wasm"), component).unwrap();
        Self { folder }
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("caches/compiled")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = streamgauge();
        command.current_dir(self.folder.path()).env("STREAMGAUGE_PLUGIN_CACHE", self.cache());
        command.args(["check", "query.sql"]).args(arguments);
        command
    }

    /// `check`: what it said, nothing where all is right.
    fn said(&self, arguments: &[&str]) -> String {
        let (exit, out, said) = outcome(&mut self.command(arguments));
        assert_eq!(exit, i32::from(!said.is_empty() && said.contains("error:")), "{said}");
        out + &said
    }

    /// The entries that are kept.
    fn entries(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.cache()).unwrap().map(|entry| entry.unwrap().path());
        let mut entries: Vec<PathBuf> = entries.collect();
        entries.sort();
        entries
    }

    fn entry(&self) -> PathBuf {
        let entries = self.entries();
        assert_eq!(entries.len(), 1, "{entries:?}");
        entries[0].clone()
    }

    /// Whether it is compiled when it is used: then an entry is written, as another file of perhaps the same name.
    fn is_compiled(&self) -> bool {
        let files = || -> Vec<(PathBuf, u64)> {
            let entries = if self.cache().exists() { self.entries() } else { Vec::new() };
            let with_number = |path: PathBuf| {
                let number = fs::symlink_metadata(&path).unwrap().ino();
                (path, number)
            };
            entries.into_iter().map(with_number).collect()
        };
        let before = files();
        assert_eq!(self.said(&[]), "");
        files() != before
    }
}

fn reducer(name: &str) -> &'static [u8] {
    streamgauge_bundle::REDUCERS.iter().find(|(known, _)| *known == name).unwrap().1
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn what_takes_too_much_to_compile_is_refused_where_it_is_declared() {
    let bomb =
        |name: &str| hostile::all().into_iter().find(|hostile| hostile.name == name).unwrap().component;
    for (component, limit, expected) in [
        (
            bomb("has 49,000 locals"),
            "plugin_compile_memory=256MiB",
            "takes more than 256 MiB of memory to compile",
        ),
        (
            bomb("has 400,000 functions"),
            "plugin_compile_time=1s",
            "takes more than 1 s of processor time to compile",
        ),
    ] {
        let program = Program::new(&component);
        let said = program.said(&["--limit", limit]);
        assert!(said.contains("\nquery.sql:4:"), "{said}");
        assert!(
            said.contains("mine.wasm cannot be used: reducer `mine`") && said.contains(expected),
            "{said}"
        );
        let told = format!("once: its machine code is kept in {}\n", program.cache().display());
        assert!(said.starts_with("compiling reducer `mine` (") && said.contains(&told), "{said}");
        let name = limit.split('=').next().unwrap();
        assert!(said.contains(&format!("or raise --limit {name}=")), "{said}");
        assert!(program.entries().is_empty(), "nothing of it is kept");
    }
}

#[test]
fn machine_code_is_kept_for_its_user_alone_and_is_used_again() {
    let program = Program::new(reducer("avg"));
    assert!(program.is_compiled());
    assert_eq!((mode(&program.cache()), mode(&program.entry())), (0o700, 0o600));
    assert!(!program.is_compiled());
    // Another component has an entry of its own.
    fs::write(program.folder.path().join("mine.wasm"), reducer("max")).unwrap();
    assert!(program.is_compiled());
    assert_eq!(program.entries().len(), 2);
    fs::write(program.folder.path().join("mine.wasm"), reducer("avg")).unwrap();
    assert!(!program.is_compiled());
}

#[test]
fn what_is_damaged_or_anothers_is_not_used_and_written_anew() {
    let program = Program::new(reducer("avg"));
    assert_eq!(program.said(&[]), "");
    let entry = program.entry();
    let right = fs::read(&entry).unwrap();
    let elsewhere = program.folder.path().join("elsewhere");
    let damages: [(&str, &dyn Fn()); 8] = [
        ("a flipped bit of code", &|| {
            let mut bytes = right.clone();
            bytes[right.len() / 2] ^= 1;
            fs::write(&entry, bytes).unwrap();
        }),
        ("a flipped bit of its digest", &|| {
            let mut bytes = right.clone();
            bytes[50] ^= 1;
            fs::write(&entry, bytes).unwrap();
        }),
        ("its beginning", &|| fs::write(&entry, &right[..right.len() - 1]).unwrap()),
        ("nothing", &|| fs::write(&entry, "").unwrap()),
        ("more", &|| fs::write(&entry, [&right[..], b"x"].concat()).unwrap()),
        ("others may write it", &|| fs::set_permissions(&entry, Permissions::from_mode(0o666)).unwrap()),
        ("others may read it", &|| fs::set_permissions(&entry, Permissions::from_mode(0o640)).unwrap()),
        ("a link", &|| {
            fs::rename(&entry, &elsewhere).unwrap();
            symlink(&elsewhere, &entry).unwrap();
        }),
    ];
    for (what, damage) in damages {
        damage();
        assert!(program.is_compiled(), "{what}");
        assert!(fs::symlink_metadata(&entry).unwrap().is_file(), "{what}");
        assert_eq!(mode(&entry), 0o600, "{what}");
        assert_eq!(fs::read(&entry).unwrap().len(), right.len(), "{what}");
        assert!(!program.is_compiled(), "{what}");
    }
}

#[test]
fn a_folder_that_cannot_be_trusted_or_used_is_told_once_and_nothing_is_kept() {
    let warned = |program: &Program, why: &str| {
        let said = program.said(&[]);
        let expected = format!("machine code of plugins is not kept in {}: {why}", program.cache().display());
        assert!(said.starts_with(&expected), "{why}: {said}");
        assert_eq!(said.matches("machine code").count(), 1, "{said}");
        assert!(said.contains("\nhelp: each run compiles its plugins again"), "{said}");
    };
    let open = Program::new(reducer("avg"));
    fs::create_dir_all(open.cache()).unwrap();
    fs::set_permissions(open.cache(), Permissions::from_mode(0o755)).unwrap();
    warned(&open, "others may use it");
    assert!(open.entries().is_empty());

    let file = Program::new(reducer("avg"));
    fs::create_dir_all(file.cache().parent().unwrap()).unwrap();
    fs::write(file.cache(), "mine").unwrap();
    warned(&file, "it is not a folder");
    assert_eq!(fs::read_to_string(file.cache()).unwrap(), "mine");

    let link = Program::new(reducer("avg"));
    fs::create_dir_all(link.cache().parent().unwrap()).unwrap();
    fs::create_dir(link.folder.path().join("real")).unwrap();
    symlink(link.folder.path().join("real"), link.cache()).unwrap();
    warned(&link, "it is not a folder");

    let nowhere = Program::new(reducer("avg"));
    let (exit, _, said) =
        outcome(nowhere.command(&[]).env("STREAMGAUGE_PLUGIN_CACHE", "/proc/nonesuch/compiled"));
    assert_eq!(exit, 0, "{said}");
    assert!(said.starts_with("machine code of plugins is not kept in /proc/nonesuch/compiled: "), "{said}");

    // Only root may give a folder away.
    let given = Program::new(reducer("avg"));
    fs::create_dir_all(given.cache()).unwrap();
    fs::set_permissions(given.cache(), Permissions::from_mode(0o700)).unwrap();
    if std::os::unix::fs::chown(given.cache(), Some(4711), None).is_ok() {
        warned(&given, "it belongs to the user with the number 4711");
    }
}

#[test]
fn nothing_is_kept_where_that_is_switched_off() {
    let program = Program::new(reducer("avg"));
    assert_eq!(program.said(&["--limit", "plugin_cache_bytes=0"]), "");
    let (exit, _, said) = outcome(program.command(&[]).env("STREAMGAUGE_PLUGIN_CACHE", "off"));
    assert_eq!((exit, said.as_str()), (0, ""));
    assert!(!program.cache().exists());
    // The user's caches, where nothing else is named.
    let mut command = program.command(&[]);
    command
        .env_remove("STREAMGAUGE_PLUGIN_CACHE")
        .env("XDG_CACHE_HOME", program.folder.path().join("caches"));
    assert_eq!(outcome(&mut command).0, 0);
    let made = program.folder.path().join("caches/streamgauge/compiled");
    assert_eq!((mode(&made), fs::read_dir(&made).unwrap().count()), (0o700, 1));
}

#[test]
fn what_was_used_least_recently_makes_room() {
    let program = Program::new(reducer("avg"));
    let use_it = |name: &str, limit: &str| {
        fs::write(program.folder.path().join("mine.wasm"), reducer(name)).unwrap();
        assert_eq!(program.said(&["--limit", limit]), "");
    };
    fs::create_dir_all(program.cache()).unwrap();
    fs::set_permissions(program.cache(), Permissions::from_mode(0o700)).unwrap();
    fs::write(program.cache().join("notes.txt"), vec![0; 1 << 20]).unwrap();
    for name in ["avg", "max", "stddev"] {
        use_it(name, "plugin_cache_bytes=64MiB");
    }
    let entries =
        || program.entries().into_iter().filter(|path| path.extension().is_some_and(|it| it == "code"));
    let bytes: u64 = entries().map(|entry| fs::metadata(entry).unwrap().len()).sum();
    // `max` is the oldest when `avg` has been used again.
    use_it("avg", "plugin_cache_bytes=64MiB");
    use_it("sum", &format!("plugin_cache_bytes={bytes}"));
    let is_kept = |name: &str| {
        fs::write(program.folder.path().join("mine.wasm"), reducer(name)).unwrap();
        !program.is_compiled()
    };
    assert!(entries().map(|entry| fs::metadata(entry).unwrap().len()).sum::<u64>() <= bytes);
    assert_eq!(["avg", "max", "sum"].map(is_kept), [true, false, true]);
    assert!(program.cache().join("notes.txt").exists(), "what is not an entry stays");
    use_it("min", "plugin_cache_bytes=1");
    assert!(!is_kept("min"), "it is larger than all may be");
}

#[test]
fn several_processes_may_keep_the_same_at_once() {
    let program = Program::new(reducer("stddev"));
    thread::scope(|scope| {
        let run = || scope.spawn(|| program.said(&[]));
        let runs: Vec<_> = std::iter::repeat_with(run).take(4).collect();
        runs.into_iter().for_each(|run| assert_eq!(run.join().unwrap(), ""));
    });
    program.entry();
    assert!(!program.is_compiled());
}
