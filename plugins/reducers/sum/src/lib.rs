//! The reducer sum
