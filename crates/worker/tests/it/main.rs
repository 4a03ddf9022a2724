//! The worker from outside: the real program, spoken to as the studio does.

mod benches;
mod ends;
mod probes;
mod tasks;
mod training;
mod work;
