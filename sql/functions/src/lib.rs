//! Scalar functions and text conversions, the same code in host and guests
