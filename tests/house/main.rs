//! The rules of ARCHITECTURE.md, checked.
fn main() {}
