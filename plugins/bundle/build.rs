//! Compiles the guests to WebAssembly, makes components of them and writes `components.rs`, which holds their bytes.
//!
//! The guests are built by a second cargo in a target folder of its own, so that the two do not wait for each other's
//! locks and the flags of one do not reach the other.

use std::{
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};
use wit_component::{ComponentEncoder, DecodedWasm};
use wit_parser::WorldItem;

const TARGET: &str = "wasm32-unknown-unknown";

/// The reducers by their names in SQL; `z_score` is the package `reducer-z-score`.
const REDUCERS: [&str; 26] = [
    "approx_count_distinct",
    "arg_max",
    "arg_min",
    "avg",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "count_distinct",
    "ewma",
    "first",
    "histogram",
    "last",
    "mad",
    "max",
    "min",
    "percentile",
    "percentile_cont",
    "percentile_disc",
    "rate",
    "regr_slope",
    "stddev",
    "string_agg",
    "sum",
    "top_k",
    "z_score",
];

/// The sinks by their names in SQL; `slack` is the package `sink-slack`.
const SINKS: [&str; 5] = ["alertmanager", "pagerduty", "prometheus", "slack", "webhook"];

/// What guests are made of: when one of these changes they are built again.
const SOURCES: [&str; 9] = [
    "plugins/bundle/build.rs",
    "plugins/reducers",
    "plugins/sdk",
    "plugins/sinks",
    "sql/functions",
    "sql/shell",
    "wit",
    "Cargo.lock",
    "Cargo.toml",
];

fn main() -> Result<()> {
    let root = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("../..").canonicalize()?;
    let out = PathBuf::from(variable("OUT_DIR")?);
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }

    let guests = Guests { target: target_folder(&out).join("guests"), root };
    fs::write(out.join("shell.wasm"), guests.component("streamgauge-shell", &[])?)?;
    fs::write(out.join("pattern_shell.wasm"), guests.component("streamgauge-shell", &["regex"])?)?;
    for (kind, names) in [("reducer", REDUCERS.as_slice()), ("sink", &SINKS)] {
        for name in names {
            let component = guests.component(&format!("{kind}-{}", name.replace('_', "-")), &[])?;
            fs::write(out.join(format!("{name}.wasm")), component)?;
        }
    }
    fs::write(out.join("components.rs"), source_text()?)?;
    Ok(())
}

/// The Rust text that embeds the components.
fn source_text() -> Result<String> {
    let mut text = String::new();
    writeln!(text, "/// The query shell: the part of a query component that is the same for every query.")?;
    writeln!(
        text,
        "pub static QUERY_SHELL: &[u8] = include_bytes!(concat!(env!(\"OUT_DIR\"), \"/shell.wasm\"));"
    )?;
    writeln!(text, "/// The shell of queries with regular expressions: it has their engine, too.")?;
    writeln!(
        text,
        "pub static PATTERN_SHELL: &[u8] = include_bytes!(concat!(env!(\"OUT_DIR\"), \"/pattern_shell.wasm\"));"
    )?;
    for (kind, names) in [("reducers", REDUCERS.as_slice()), ("sinks", &SINKS)] {
        writeln!(text, "/// The {kind}, by name in ascending order: name and component.")?;
        writeln!(text, "pub static {}: &[(&str, &[u8])] = &[", kind.to_uppercase())?;
        for name in names {
            writeln!(text, "    ({name:?}, include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.wasm\"))),")?;
        }
        writeln!(text, "];")?;
    }
    Ok(text)
}

/// Where guests are built.
struct Guests {
    root: PathBuf,
    target: PathBuf,
}

impl Guests {
    /// The component of a guest package with these features.
    fn component(&self, package: &str, features: &[&str]) -> Result<Vec<u8>> {
        let module = self.compile(package, features)?;
        let component = ComponentEncoder::default()
            .validate(true)
            .module(&module)
            .and_then(|encoder| encoder.encode())
            .with_context(|| format!("cannot make a component of the guest '{package}'"))?;
        ensure_imports_nothing(&component).with_context(|| format!("the guest '{package}' is not sealed"))?;
        Ok(component)
    }

    /// The core module of a guest package.
    fn compile(&self, package: &str, features: &[&str]) -> Result<Vec<u8>> {
        let output = self
            .cargo()?
            .args(["rustc", "--locked", "--lib", "--crate-type", "cdylib", "--profile", "guest"])
            .args(["--target", TARGET, "--package", package, "--features", &features.join(",")])
            .output()
            .context("cannot start cargo")?;
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr);
            if words.contains("target may not be installed") {
                bail!(
                    "guests need the Rust target {TARGET}: run `make setup` or `rustup target add {TARGET}`"
                );
            }
            bail!("cannot compile the guest '{package}'\n{words}");
        }
        let module =
            self.target.join(TARGET).join("guest").join(format!("{}.wasm", package.replace('-', "_")));
        fs::read(&module).with_context(|| format!("cannot read {}", module.display()))
    }

    /// A cargo that knows nothing of the one that runs this script but where crates come from.
    fn cargo(&self) -> Result<Command> {
        const SHARED: [&str; 6] =
            ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR", "CARGO_SOURCE_", "CARGO_MAKEFLAGS"];
        const OTHERS: [&str; 6] = [
            "RUSTC",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTDOC",
            "RUSTFLAGS",
            "TARGET",
            "__CARGO_DEFAULT_LIB_METADATA",
        ];
        let mut command = Command::new(variable("CARGO")?);
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            let of_cargo = text.starts_with("CARGO") && !SHARED.iter().any(|shared| text.starts_with(shared));
            if of_cargo || OTHERS.contains(&text.as_ref()) {
                command.env_remove(&name);
            }
        }
        command.current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        Ok(command)
    }
}

/// Guests import no function: no clock, randomness, files or network.
fn ensure_imports_nothing(component: &[u8]) -> Result<()> {
    let DecodedWasm::Component(resolve, world) = wit_component::decode(component)? else {
        bail!("it is no component");
    };
    let world = resolve.worlds.get(world).context("it has no world")?;
    for (name, item) in &world.imports {
        let functions = match item {
            WorldItem::Interface { id, .. } => {
                resolve.interfaces.get(*id).map_or(0, |interface| interface.functions.len())
            }
            WorldItem::Function(_) => 1,
            WorldItem::Type { .. } => 0,
        };
        ensure!(functions == 0, "it imports functions of {}", resolve.name_world_key(name));
    }
    Ok(())
}

/// The target folder that holds `out`: cargo marks it with `CACHEDIR.TAG`.
fn target_folder(out: &Path) -> &Path {
    out.ancestors().filter(|folder| folder.join("CACHEDIR.TAG").exists()).last().unwrap_or(out)
}

fn variable(name: &str) -> Result<String> {
    env::var(name).with_context(|| format!("cargo sets {name}"))
}
