//! The reducer z_score
