//! The reducer percentile
