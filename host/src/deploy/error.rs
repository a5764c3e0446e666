//! Why a program cannot be deployed.

/// A program that cannot be deployed; the kind says who is to do something about it.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The user's input is wrong.
    #[error("{0}")]
    Input(String),
    /// What was asked for is not in the program, or cannot be.
    #[error("{0}")]
    Usage(String),
    /// Something failed.
    #[error("{0}")]
    Runtime(String),
}
