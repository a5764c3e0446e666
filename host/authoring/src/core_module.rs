//! What is to be known of a core module before it becomes a component.

use wasmparser::{BinaryReaderError, Parser, Payload};

/// The prefix of the custom section in which the bindings of a language say which world a module has.
const WORLD_SECTION: &str = "component-type";

/// What a core module says of itself.
#[derive(Debug, Default)]
pub(super) struct CoreModule {
    /// The functions that it imports: module and name, in order.
    pub(super) imports: Vec<(String, String)>,
    /// The names of what it exports.
    pub(super) exports: Vec<String>,
    /// Whether it says which world it has.
    pub(super) has_world: bool,
}

impl CoreModule {
    /// Reads a module.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, BinaryReaderError> {
        let mut module = Self::default();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        module.imports.push((import.module.to_owned(), import.name.to_owned()));
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        module.exports.push(export?.name.to_owned());
                    }
                }
                Payload::CustomSection(section) => {
                    module.has_world |= section.name().starts_with(WORLD_SECTION);
                }
                _ => {}
            }
        }
        Ok(module)
    }
}
