//! Reference data: the tables whose rows queries look up by their key.
//!
//! A [`TableFeed`] reads the file of a table and looks whether it has changed; what it gives is a [`LoadedTable`], whole and checked. When
//! a query begins to use a new version is its own decision: see `query/tables.rs`.

mod content;
mod rows;
mod csv;
mod json;
mod feed;

pub use self::{
    content::TableRows,
    feed::{FeedSettings, LoadedTable, TableFeed},
    rows::WrongTable,
};
