//! The programs as people use them: a folder of artworks in, pictures out; rubbish in, a clear line out; and a kill at any moment.

mod bad_input;
mod downloads;
mod kills;
mod main_job;
