//! The shell that a query gets: a prebuilt one, without the code of the functions that the query does not call.
//!
//! Functions keep their numbers: the body of one that is not called becomes `unreachable`. Nothing else of the shell changes.

use std::{
    collections::{BTreeSet, HashMap},
    sync::OnceLock,
};

use streamgauge_bundle::{PATTERN_SHELL, QUERY_SHELL};
use wasm_encoder::{CodeSection, Component, Module, RawSection};
use wasmparser::{
    BinaryReaderError, ElementItems, ExternalKind, FunctionBody, Operator, Parser, Payload, TypeRef,
};

use super::EncodeError;
use super::sections::sections;

/// The section of a component with a core module.
const CORE_MODULE: u8 = 1;
/// The section of a core module with its code.
const CODE: u8 = 10;
/// The body of a function that is not called: no locals, `unreachable`, `end`.
const UNREACHABLE: [u8; 3] = [0, 0x00, 0x0b];
/// How the names of functions for kernels begin. What else is exported belongs to the component.
const FOR_KERNELS: &str = "shell.";

/// A shell component and what its functions call.
struct Shell {
    component: &'static [u8],
    calls: Calls<'static>,
}

/// What the functions of a core module call. Imported functions have the first numbers.
#[derive(Default)]
struct Calls<'a> {
    imports: Vec<&'a str>,
    exports: HashMap<&'a str, u32>,
    /// Those that are called without their number: by the start of the module, or through a table.
    referred: BTreeSet<u32>,
    bodies: Vec<Body<'a>>,
}

struct Body<'a> {
    bytes: &'a [u8],
    calls: BTreeSet<u32>,
}

/// The shell for a module of kernels.
pub(super) fn shell(kernels: &Module, has_patterns: bool) -> Result<Component, EncodeError> {
    static PLAIN: OnceLock<Result<Shell, BinaryReaderError>> = OnceLock::new();
    static PATTERNS: OnceLock<Result<Shell, BinaryReaderError>> = OnceLock::new();
    let (read, component) = if has_patterns { (&PATTERNS, PATTERN_SHELL) } else { (&PLAIN, QUERY_SHELL) };
    let shell = read.get_or_init(|| Shell::read(component)).as_ref();
    let shell = shell.map_err(|error| EncodeError::Shell(error.to_string()))?;
    let kernels = Calls::read(kernels.as_slice()).map_err(|error| EncodeError::Shell(error.to_string()))?;
    Ok(shell.with_code_for(&kernels))
}

impl Shell {
    fn read(component: &'static [u8]) -> Result<Self, BinaryReaderError> {
        let module =
            sections(component).find(|&(id, _)| id == CORE_MODULE).map_or(&[][..], |(_, module)| module);
        Ok(Self { component, calls: Calls::read(module)? })
    }

    /// The component with the code that it needs itself and that kernels call.
    fn with_code_for(&self, kernels: &Calls<'_>) -> Component {
        let called = kernels.called_imports();
        let is_needed = |name: &str| !name.starts_with(FOR_KERNELS) || called.contains(name);
        let exported =
            self.calls.exports.iter().filter(|(name, _)| is_needed(name)).map(|(_, &number)| number);
        let needed = self.calls.reached_from(exported);
        let mut component = Component::new();
        for (id, data) in sections(self.component) {
            if id == CORE_MODULE {
                let module = self.module_with(data, &needed);
                component.section(&wasm_encoder::ModuleSection(&module));
            } else {
                component.section(&RawSection { id, data });
            }
        }
        component
    }

    fn module_with(&self, module: &[u8], needed: &BTreeSet<u32>) -> Module {
        let mut shaken = Module::new();
        for (id, data) in sections(module) {
            if id == CODE {
                let mut code = CodeSection::new();
                for (number, body) in (self.calls.imports.len() as u32..).zip(&self.calls.bodies) {
                    code.raw(if needed.contains(&number) { body.bytes } else { &UNREACHABLE });
                }
                shaken.section(&code);
            } else {
                shaken.section(&RawSection { id, data });
            }
        }
        shaken
    }
}

impl<'a> Calls<'a> {
    fn read(module: &'a [u8]) -> Result<Self, BinaryReaderError> {
        let mut calls = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let import = import?;
                        if matches!(import.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)) {
                            calls.imports.push(import.name);
                        }
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export?;
                        if export.kind == ExternalKind::Func {
                            calls.exports.insert(export.name, export.index);
                        }
                    }
                }
                Payload::StartSection { func, .. } => drop(calls.referred.insert(func)),
                Payload::ElementSection(elements) => {
                    for element in elements {
                        calls.refer(element?.items)?;
                    }
                }
                Payload::CodeSectionEntry(body) => calls.bodies.push(Body::read(&body)?),
                _ => {}
            }
        }
        Ok(calls)
    }

    /// What stands in a table.
    fn refer(&mut self, items: ElementItems<'_>) -> Result<(), BinaryReaderError> {
        match items {
            ElementItems::Functions(functions) => {
                for function in functions {
                    self.referred.insert(function?);
                }
            }
            ElementItems::Expressions(_, expressions) => {
                for expression in expressions {
                    for operator in expression?.get_operators_reader() {
                        if let Operator::RefFunc { function_index } = operator? {
                            self.referred.insert(function_index);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// The functions that are called from these, in however many steps, or may be called without their number.
    fn reached_from(&self, roots: impl Iterator<Item = u32>) -> BTreeSet<u32> {
        let mut reached = BTreeSet::new();
        let mut next: Vec<u32> = roots.chain(self.referred.iter().copied()).collect();
        while let Some(number) = next.pop() {
            if reached.insert(number)
                && let Some(index) = (number as usize).checked_sub(self.imports.len())
                && let Some(body) = self.bodies.get(index)
            {
                next.extend(&body.calls);
            }
        }
        reached
    }

    /// The names of the imported functions that are called.
    fn called_imports(&self) -> BTreeSet<&'a str> {
        let called = self.bodies.iter().flat_map(|body| &body.calls).chain(&self.referred);
        called.filter_map(|&number| self.imports.get(number as usize).copied()).collect()
    }
}

impl<'a> Body<'a> {
    fn read(body: &FunctionBody<'a>) -> Result<Self, BinaryReaderError> {
        let mut calls = BTreeSet::new();
        for operator in body.get_operators_reader()? {
            if let Operator::Call { function_index } | Operator::RefFunc { function_index } = operator? {
                calls.insert(function_index);
            }
        }
        Ok(Self { bytes: body.as_bytes(), calls })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bodies of a shell with kernels that call these functions.
    fn bodies(called: &'static [&'static str]) -> (usize, usize) {
        let shell = Shell::read(QUERY_SHELL).unwrap();
        let kernels = Calls {
            imports: called.to_vec(),
            bodies: vec![Body { bytes: &[], calls: (0..called.len() as u32).collect() }],
            ..Calls::default()
        };
        let component = shell.with_code_for(&kernels).finish();
        wasmparser::Validator::new().validate_all(&component).unwrap();
        let shaken = sections(&component).find(|&(id, _)| id == CORE_MODULE).unwrap().1.to_vec();
        let calls = Calls::read(&shaken).unwrap();
        assert_eq!(calls.exports, shell.calls.exports, "functions keep their numbers");
        assert_eq!(calls.bodies.len(), shell.calls.bodies.len());
        let kept = calls.bodies.iter().filter(|body| body.bytes != UNREACHABLE).count();
        (kept, component.len())
    }

    #[test]
    fn a_shell_has_the_code_that_its_kernels_call_and_no_other() {
        let (least, least_bytes) = bodies(&[]);
        let (with_upper, _) = bodies(&["shell.upper"]);
        let (all, all_bytes) =
            bodies(&["shell.lower", "shell.upper", "shell.sha256", "shell.parse_timestamp"]);
        assert!(least > 10 && least < with_upper && with_upper < all, "{least} {with_upper} {all}");
        assert!(all_bytes < QUERY_SHELL.len() && least_bytes < all_bytes, "{least_bytes} {all_bytes}");
    }
}
