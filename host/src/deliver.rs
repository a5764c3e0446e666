//! Step 7: where rows and dead letters go.
//!
//! A [`connector`] says what a kind of sink is; the [`connectors`] of the product are one file each. They are made of what
//! follows: rows are [`encode`]d once, under their [`key`]s; [`workers`] write them as [`lines`], produce them to [`kafka`],
//! send them over [`http`], or answer a [`scrape`] with them; [`rejected`] messages go to the dead [`letters`]. Where programs of a host may
//! send to, its operator's [`permissions`] say.

pub mod connector;
pub mod connectors;
pub mod key;
pub mod encode;
pub mod workers;
pub mod http;
pub mod permissions;
pub mod scrape;
pub mod dead_letter;
pub mod letters;
pub mod rejected;
pub mod rotation;
pub mod output;
pub mod lines;
pub mod rows;
pub mod kafka;
pub mod pretty;
