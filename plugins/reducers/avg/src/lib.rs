//! The reducer avg
