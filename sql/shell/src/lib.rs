//! The query shell: the part of a query component that is the same for every query
