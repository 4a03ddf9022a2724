//! The shell from outside.

mod bindings;
