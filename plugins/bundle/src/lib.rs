//! The guests that are part of the product, as components
