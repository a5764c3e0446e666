//! What the encoders of a running sink share: an instance of its component, and another one where that is lost.

use std::collections::BTreeMap;

use streamgauge_common::message::{Request, Response};
use streamgauge_engine::Fault;
use streamgauge_sql::{manifest::Output, types::Value};
use wasmtime::{Store, component::ResourceAny};

use super::{Deliveries, Descriptor, Encoded, Outcome, SinkComponent, answer, exports::Exports};
use crate::{
    bindings::columns::LiteralParam,
    columns::{error_text, lower_value},
    guest::{Guest, call_again},
    limits::Budget,
};

/// An instance of a sink, and the encoders that are open in it.
pub(super) struct SharedInstance {
    component: SinkComponent,
    running: Running,
    encoders: BTreeMap<EncoderId, OpenEncoder>,
    next_id: EncoderId,
}

/// Which encoder of a sink, whatever instance it is open in.
pub(super) type EncoderId = u64;

/// What an encoder is opened with.
pub(super) struct Opening {
    /// In the order of the sink's description.
    pub(super) options: Vec<Value>,
    pub(super) query: String,
    pub(super) fields: Vec<Output>,
}

struct OpenEncoder {
    resource: ResourceAny,
    opening: Opening,
}

/// An instance.
struct Running {
    guest: Guest,
    exports: Exports,
}

impl SharedInstance {
    /// Starts an instance without encoders.
    pub(super) fn start(component: SinkComponent) -> Result<Self, Fault> {
        let running = Running::start(&component)?;
        Ok(Self { component, running, encoders: BTreeMap::new(), next_id: 0 })
    }

    /// What the sink says about itself.
    pub(super) fn describe(&mut self) -> Result<Descriptor, Fault> {
        let Running { guest, exports } = &mut self.running;
        guest.ask(|store| exports.describe(store))?.map_err(|what| guest.refuse(what))
    }

    /// What is wrong with a call that was not made.
    pub(super) fn refuse(&self, what: String) -> Fault {
        self.running.guest.refuse(what)
    }

    /// Opens an encoder.
    pub(super) fn open(&mut self, opening: Opening) -> Result<EncoderId, Fault> {
        self.restart_if_lost()?;
        let resource = self.running.open(&opening)?;
        let id = self.next_id;
        self.next_id += 1;
        self.encoders.insert(id, OpenEncoder { resource, opening });
        Ok(id)
    }

    /// Closes an encoder.
    pub(super) fn close(&mut self, id: EncoderId) {
        let Some(OpenEncoder { resource, .. }) = self.encoders.remove(&id) else { return };
        // Where the instance is lost there is nothing to close; where this fails it is lost, as in any other call.
        let _ = self.running.guest.call(|store| resource.resource_drop(store));
    }

    /// The requests of some deliveries. A sink that answers scrapes stays lost, so it is called once.
    pub(super) fn encode(
        &mut self,
        id: EncoderId,
        deliveries: &Deliveries<'_>,
    ) -> Result<Vec<Encoded>, Fault> {
        match self.component.answers_scrapes() {
            true => self.encode_once(id, deliveries, 0),
            false => {
                let encode = |it: &mut Self| it.encode_once(id, deliveries, deliveries.sequences.len());
                call_again(self, encode, Self::restart_if_lost)
            }
        }
    }

    /// The same; so many deliveries are due in the requests.
    fn encode_once(
        &mut self,
        id: EncoderId,
        deliveries: &Deliveries<'_>,
        due: usize,
    ) -> Result<Vec<Encoded>, Fault> {
        let encoded = self.call(id, |exports, store, encoder| exports.encode(store, encoder, deliveries))?;
        let encoded = encoded.map_err(|error| format!("refused a batch: {}", error_text(&error)));
        encoded.and_then(|requests| answer::requests(requests, due)).map_err(|what| self.lose(what))
    }

    /// What an answer means for each of so many deliveries.
    pub(super) fn judge(
        &mut self,
        id: EncoderId,
        request: (&Request, u32),
        response: &Response,
    ) -> Result<Vec<Outcome>, Fault> {
        let due = request.1 as usize;
        let outcomes =
            self.call(id, |exports, store, encoder| exports.judge(store, encoder, request, response))?;
        answer::outcomes(outcomes, due).map_err(|what| self.lose(what))
    }

    /// The page for a scrape: what all encoders show.
    pub(super) fn render(&mut self) -> Result<Response, Fault> {
        let encoders: Vec<ResourceAny> = self.encoders.values().map(|encoder| encoder.resource).collect();
        let Running { guest, exports } = &mut self.running;
        let page = guest.call(|store| exports.render(store, &encoders));
        let page = page.map_err(|fault| self.explained(fault))?;
        let Some(page) = page else { return Err(self.refuse("answers no scrapes".to_owned())) };
        answer::page(page).map_err(|what| self.lose(what))
    }

    /// Calls an encoder, in another instance where this one is lost.
    fn call<T>(
        &mut self,
        id: EncoderId,
        call: impl FnOnce(&Exports, &mut Store<Budget>, ResourceAny) -> wasmtime::Result<T>,
    ) -> Result<T, Fault> {
        self.restart_if_lost()?;
        let Some(OpenEncoder { resource, .. }) = self.encoders.get(&id) else {
            unreachable!("an encoder is open until it is dropped")
        };
        let Running { guest, exports } = &mut self.running;
        guest.call(|store| call(exports, store, *resource)).map_err(|fault| self.explained(fault))
    }

    /// Gives the instance up: what it did is not to be trusted.
    fn lose(&mut self, what: String) -> Fault {
        let fault = self.running.guest.lose(what);
        self.explained(fault)
    }

    /// Starts another instance where this one is lost, and opens all encoders in it. Nothing has changed where that fails. A sink that
    /// answers scrapes stays lost: nobody else has what it showed.
    fn restart_if_lost(&mut self) -> Result<(), Fault> {
        if !self.running.guest.is_lost() || self.component.answers_scrapes() {
            return Ok(());
        }
        let mut running = Running::start(&self.component)?;
        let open = |encoder: &OpenEncoder| running.open(&encoder.opening);
        let resources: Vec<ResourceAny> = self.encoders.values().map(open).collect::<Result<_, _>>()?;
        self.running = running;
        for (encoder, resource) in self.encoders.values_mut().zip(resources) {
            encoder.resource = resource;
        }
        Ok(())
    }

    /// A fault of the instance, which says so where no other one is started.
    fn explained(&self, mut fault: Fault) -> Fault {
        if self.component.answers_scrapes() {
            fault.what += "; it is not started again, because what it showed is lost with it";
        }
        fault
    }
}

impl Running {
    fn start(component: &SinkComponent) -> Result<Self, Fault> {
        let SinkComponent { runtime, who, limits, compiled, indices } = component;
        let (mut guest, instance) = Guest::start(runtime, who.clone(), compiled, *limits)?;
        let exports = guest.call(|store| indices.load(store, &instance))?;
        Ok(Self { guest, exports })
    }

    fn open(&mut self, opening: &Opening) -> Result<ResourceAny, Fault> {
        let Opening { options, query, fields } = opening;
        let options: Vec<LiteralParam<'_>> = options.iter().map(lower_value).collect();
        let Self { guest, exports } = self;
        let opened = guest.call(|store| exports.open(store, &options, query, fields))?;
        opened.map_err(|error| guest.refuse(format!("cannot be opened: {}", error_text(&error))))
    }
}
