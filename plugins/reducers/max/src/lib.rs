//! The reducer max
