//! The reducer count
