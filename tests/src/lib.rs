//! What the tests of the whole house share: where the binaries are and how they are run.
