//! The reducer stddev
