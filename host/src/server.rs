//! The host that people run: many deployments in one process, asked and changed by HTTP.
//!
//! 1. [`deployments`] are the named query files: what runs of them, what is kept of them, and each change of one. [`plan`] says what a
//!    change would do to their states; [`plugins`] holds the components that they name.
//! 2. [`routes`] is the API: one table from which requests are answered, their scopes are checked, and [`openapi`] is made. [`shapes`] are
//!    the JSON that is answered, [`problem`] what is answered where something is wrong.
//! 3. [`access`] says who may do what: tokens with scopes.
//! 4. [`folder`] keeps the deployments like a folder of files.

pub mod access;
pub mod deployments;
pub mod folder;
pub mod logs;
mod metrics;
pub mod panics;
pub mod openapi;
pub mod plan;
pub mod plugins;
pub mod problem;
pub mod routes;
pub mod shapes;
mod answer;

pub(crate) use self::deployments::folder_secrets;
pub use self::{
    answer::Api,
    deployments::{Change, Deployments, Refused},
};
