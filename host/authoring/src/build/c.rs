//! A plugin in C: from the folder of its project to its core module, by the first compiler that is found.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{BuildError, Module};

/// Where Debian has the headers of wasi-libc, and the library for what the processor does not do itself.
const DEBIAN_HEADERS: &str = "/usr/include/wasm32-wasi";
const DEBIAN_LIBRARIES: &str = "/usr/lib/wasm32-wasi";
/// As in the Makefile of a project.
const FLAGS: [&str; 4] = ["-O3", "-Wall", "-fwrapv", "-mexec-model=reactor"];
const LINK_FLAGS: [&str; 2] = ["-Wl,--strip-debug", "-Wl,-z,stack-size=65536"];
const HELP: &str = "install zig with `pip install ziglang==0.17.1` or from https://ziglang.org, or on Debian clang with \
                    `apt install clang lld wasi-libc libclang-rt-dev-wasm32`, or set WASI_SDK_PATH to a wasi-sdk";

/// Compiles all files of the folder and its bindings.
pub(super) fn build(folder: &Path) -> Result<Module, BuildError> {
    let compiler = Compiler::find()?;
    let output = folder.join("build");
    fs::create_dir_all(&output)
        .map_err(|error| BuildError::Tool(format!("the folder build in it cannot be made: {error}")))?;
    let output = output.join("core.wasm");
    let mut inputs = files(folder, "c")?;
    if inputs.is_empty() {
        return Err(BuildError::Tool("it has no file of C beside its folders".to_owned()));
    }
    for extension in ["c", "o"] {
        inputs.extend(files(&folder.join("bindings"), extension)?);
    }
    let mut command = compiler.command();
    command.args(FLAGS).args(inputs).args(LINK_FLAGS).args(compiler.libraries()).arg("-o").arg(&output);
    // What the compiler prints is for people.
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let status =
        command.status().map_err(|why| BuildError::NoTool { tool: compiler.name(), why, help: HELP })?;
    if !status.success() {
        return Err(BuildError::Told(compiler.name()));
    }
    match fs::read(&output) {
        Ok(bytes) => Ok(Module { name: name(folder), bytes }),
        Err(error) => Err(BuildError::NoModule(output, error)),
    }
}

/// The files of a folder that have an extension, in order.
fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, BuildError> {
    let failed = |error| BuildError::Tool(format!("{} cannot be read: {error}", folder.display()));
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The name in the Makefile, or else that of the folder.
pub(super) fn name(folder: &Path) -> String {
    let makefile = fs::read_to_string(folder.join("Makefile")).unwrap_or_default();
    let named = makefile.lines().find_map(|line| line.strip_prefix("NAME = "));
    // The name becomes that of a file.
    let named = named.map(str::trim).filter(|name| !name.is_empty() && !name.contains('/'));
    let of_folder = || {
        let folder = folder.canonicalize().ok()?;
        Some(folder.file_name()?.to_string_lossy().into_owned())
    };
    named.map(str::to_owned).or_else(of_folder).unwrap_or_else(|| "plugin".to_owned())
}

/// A compiler with a C library for WASI.
#[derive(Debug)]
enum Compiler {
    /// The clang of a wasi-sdk.
    Sdk(PathBuf),
    /// The clang of Debian, with the library of its runtime.
    Debian(PathBuf),
    Zig,
    /// Zig as a package of Python.
    PythonZig,
}

impl Compiler {
    fn find() -> Result<Self, BuildError> {
        if let Some(sdk) = env::var_os("WASI_SDK_PATH") {
            return Ok(Self::Sdk(Path::new(&sdk).join("bin/clang")));
        }
        let debian = || {
            let folder = printed("clang", &["--target=wasm32-wasi", "-print-resource-dir"])?;
            let runtime = Path::new(&folder).join("lib/wasi/libclang_rt.builtins-wasm32.a");
            (Path::new(DEBIAN_HEADERS).is_dir() && runtime.is_file()).then_some(Self::Debian(runtime))
        };
        let zig = || printed("zig", &["version"]).map(|_| Self::Zig);
        let python_zig = || printed("python3", &["-m", "ziglang", "version"]).map(|_| Self::PythonZig);
        debian().or_else(zig).or_else(python_zig).ok_or_else(|| {
            let why = "neither clang with wasi-libc, nor zig, nor `python3 -m ziglang` is there".to_owned();
            BuildError::Tool(format!("{why}; {HELP}"))
        })
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Sdk(_) | Self::Debian(_) => "clang",
            Self::Zig | Self::PythonZig => "zig",
        }
    }

    fn command(&self) -> Command {
        let (program, arguments): (PathBuf, &[&str]) = match self {
            Self::Sdk(clang) => (clang.clone(), &["--target=wasm32-wasip1"]),
            Self::Debian(_) => (
                "clang".into(),
                &[
                    "--target=wasm32-wasi",
                    "-isystem",
                    DEBIAN_HEADERS,
                    "-mbulk-memory",
                    "-nostartfiles",
                    "-nodefaultlibs",
                ],
            ),
            Self::Zig => ("zig".into(), &["cc", "--target=wasm32-wasi"]),
            Self::PythonZig => ("python3".into(), &["-m", "ziglang", "cc", "--target=wasm32-wasi"]),
        };
        let mut command = Command::new(program);
        command.args(arguments);
        command
    }

    /// The last arguments: libraries that the compiler does not find itself.
    fn libraries(&self) -> Vec<PathBuf> {
        let mut libraries: Vec<PathBuf> = Vec::new();
        match self {
            Self::Debian(runtime) => {
                libraries.extend(["-Wl,--no-entry", "-L", DEBIAN_LIBRARIES, "-lc", "-lm"].map(PathBuf::from));
                libraries.push(runtime.clone());
            }
            Self::Sdk(_) | Self::Zig | Self::PythonZig => libraries.push("-lm".into()),
        }
        libraries
    }
}

/// What a program prints, if it starts and succeeds.
fn printed(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(text)
}
