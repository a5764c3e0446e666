//! A component that imports WASI, with all that it imports answered inside of it.

use wit_component::{ComponentEncoder, DecodedWasm, StringEncoding, decode, embed_component_metadata};
use wit_parser::{Resolve, WorldId, WorldItem};

use super::{AdaptError, Adapted, compose::compose, stub::Stub};

/// The packages that are answered.
const ANSWERED: &str = "wasi:";

pub(super) fn adapt(bytes: &[u8]) -> Result<Adapted, AdaptError> {
    let invalid = |error| AdaptError::Invalid(format!("{error:#}"));
    let DecodedWasm::Component(mut resolve, world) = decode(bytes).map_err(invalid)? else {
        return Err(AdaptError::Encode("it is the text of an interface".to_owned()));
    };
    check(&resolve, world)?;
    let mirrored = mirror(&mut resolve, world);
    let stub = Stub::of(&resolve, mirrored);
    let answers = encode(&resolve, mirrored, stub.module)?;
    let component = compose(bytes, &answers).map_err(|error| AdaptError::Encode(error.to_string()))?;
    Ok(Adapted { component, replaced: stub.replaced, ended: stub.ended })
}

/// Whether all that a component imports can be answered.
fn check(resolve: &Resolve, world: WorldId) -> Result<(), AdaptError> {
    let (mut foreign, mut asynchronous, mut wanted) = (Vec::new(), Vec::new(), 0);
    let imports = resolve.worlds.get(world).map(|world| &world.imports);
    for (key, item) in imports.into_iter().flatten() {
        let name = resolve.name_world_key(key);
        match item {
            WorldItem::Interface { id, .. } => {
                let functions = resolve.interfaces.get(*id).map(|interface| &interface.functions);
                let mut functions = functions.into_iter().flatten().peekable();
                if functions.peek().is_none() {
                    continue;
                }
                wanted += 1;
                if !name.starts_with(ANSWERED) {
                    foreign.push(format!("`{name}`"));
                } else if functions.any(|(_, function)| function.kind.is_async()) {
                    asynchronous.push(format!("`{name}`"));
                }
            }
            WorldItem::Function(_) | WorldItem::Type { .. } => foreign.push(format!("`{name}`")),
        }
    }
    match (foreign.is_empty(), asynchronous.is_empty(), wanted) {
        (false, _, _) => Err(AdaptError::Imports(foreign.join(", "))),
        (true, false, _) => Err(AdaptError::Asynchronous(asynchronous.join(", "))),
        (true, true, 0) => Err(AdaptError::Complete),
        (true, true, _) => Ok(()),
    }
}

/// A world that exports what another one imports.
fn mirror(resolve: &mut Resolve, world: WorldId) -> WorldId {
    let mut mirrored = resolve.worlds.get(world).cloned();
    if let Some(world) = &mut mirrored {
        world.name = "answers".to_owned();
        world.exports = std::mem::take(&mut world.imports);
    }
    mirrored.map_or(world, |mirrored| resolve.worlds.alloc(mirrored))
}

fn encode(resolve: &Resolve, world: WorldId, mut module: Vec<u8>) -> Result<Vec<u8>, AdaptError> {
    let encoded = embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8)
        .and_then(|()| ComponentEncoder::default().validate(true).module(&module)?.encode());
    encoded.map_err(|error| AdaptError::Encode(format!("{error:#}")))
}
