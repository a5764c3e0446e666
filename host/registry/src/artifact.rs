//! How a component is stored as an OCI artifact: one layer with the component, and a configuration that says what it exports.
//!
//! The layout is that of the CNCF's Wasm working group (<https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact>).

use std::collections::BTreeMap;

use oci_client::{
    client::{Config, ImageLayer},
    manifest::{OciDescriptor, OciImageManifest},
};
use serde_json::json;

use super::kept::digest;

const CONFIG_TYPE: &str = "application/vnd.wasm.config.v0+json";
/// The annotation with the name of a file, by the image specification of OCI.
const TITLE: &str = "org.opencontainers.image.title";
/// The type of a layer that is a component.
pub(super) const LAYER_TYPE: &str = "application/wasm";

/// The configuration of a component. The same component gives the same bytes, and so the same digest, whenever it is pushed.
pub(super) fn config(component: &[u8], exports: &[String]) -> Config {
    let config = json!({
        "created": "1970-01-01T00:00:00Z",
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": [digest(component)],
        "component": { "exports": exports, "imports": [], "target": null },
    });
    Config::new(config.to_string().into_bytes(), CONFIG_TYPE.to_owned(), None)
}

/// The layer of a component. `oras pull` writes it to a file of this name.
pub(super) fn layer(component: Vec<u8>, file_name: String) -> ImageLayer {
    let annotations = BTreeMap::from([(TITLE.to_owned(), file_name)]);
    ImageLayer::new(component, LAYER_TYPE.to_owned(), Some(annotations))
}

/// The only layer of a component's manifest; else what it is instead.
pub(super) fn component_layer(manifest: &OciImageManifest) -> Result<&OciDescriptor, String> {
    match manifest.layers.as_slice() {
        [layer] if layer.media_type == LAYER_TYPE => Ok(layer),
        [layer] => Err(format!("it has a layer of type {}, not {LAYER_TYPE}", layer.media_type)),
        layers => Err(format!("it has {} layers, but a component has one", layers.len())),
    }
}
