//! What a reducer says about itself, if it is no longer than people and programs can use.

use streamgauge_sql::catalog;

use crate::{
    bindings,
    columns::{lift_fields, lift_type},
    guest::words,
};

/// Ways to call a function: far more than anybody tells apart.
const SIGNATURES_MAX: usize = 100;
/// Arguments of a signature, and versions of states that it restores.
const ITEMS_MAX: usize = 100;

/// A version of the contract: the records have the same fields, and other types.
macro_rules! version {
    ($version:ident, $reducer:path) => {
        pub(super) mod $version {
            use super::*;
            use $reducer as wit;

            pub(in crate::reducer) fn lift(described: wit::Descriptor) -> Result<catalog::Reducer, String> {
                at_most(SIGNATURES_MAX, described.signatures.len(), "signatures")?;
                Ok(catalog::Reducer {
                    name: words(&described.name),
                    version: words(&described.version),
                    docs: words(&described.docs),
                    signatures: described.signatures.into_iter().map(signature).collect::<Result<_, _>>()?,
                })
            }

            fn signature(signature: wit::Signature) -> Result<catalog::Signature, String> {
                at_most(ITEMS_MAX, signature.arguments.len(), "arguments of a signature")?;
                at_most(ITEMS_MAX, signature.restores.len(), "versions of states")?;
                let state_bytes_max = match signature.state {
                    wit::StateSize::Bounded(bytes) => Some(bytes),
                    wit::StateSize::Growing => None,
                };
                Ok(catalog::Signature {
                    arguments: signature.arguments.into_iter().map(lift_type).collect(),
                    parameters: lift_fields(signature.parameters, "parameters of a signature")?,
                    returns: lift_type(signature.returns),
                    needs_time: signature.needs_time,
                    growing: state_bytes_max.is_none(),
                    state_bytes_max,
                    tolerance: signature.tolerance,
                    state_version: signature.state_version,
                    restores: signature.restores,
                })
            }
        }
    };
}

version!(v0_2, bindings::reducer);
version!(v0_1, bindings::v0_1::reducer);

fn at_most(most: usize, count: usize, what: &str) -> Result<(), String> {
    match count > most {
        true => Err(format!("describes {count} {what}, and {most} are the most")),
        false => Ok(()),
    }
}
