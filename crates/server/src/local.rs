//! What makes one machine enough: a private database, so that nothing has to be installed or set up by hand to try the server.

pub mod payments;
pub mod postgres;
pub mod sign_in;
