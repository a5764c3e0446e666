//! The reducer min
