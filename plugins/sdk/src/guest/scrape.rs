//! A [`Scrape`] as the contract's bindings want it: what is exported beside a sink.

use super::{
    bindings::{scrape as wit, sink},
    sink::{Guest, Resource, lower_response},
};
use crate::sink::Scrape;

impl<S: Scrape + 'static> wit::Guest for Guest<S> {
    fn render(encoders: Vec<sink::EncoderBorrow<'_>>) -> sink::Response {
        let resources: Vec<&Resource<S>> = encoders.iter().map(|encoder| encoder.get()).collect();
        let borrowed: Vec<_> = resources.iter().map(|resource| resource.encoder.borrow()).collect();
        let encoders: Vec<&S::Encoder> = borrowed.iter().map(|encoder| &**encoder).collect();
        lower_response(S::render(&encoders))
    }
}
