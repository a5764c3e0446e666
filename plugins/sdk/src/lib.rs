//! What plugin authors use: the contract's types and a trait for reducers
