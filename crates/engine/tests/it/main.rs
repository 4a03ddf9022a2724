//! The engine from outside, against what other implementations make of the same models and inputs (`tests/golden`).

mod generate;
mod golden;
mod lora;
mod noise;
mod parts;
mod samplers;
mod single_file;
mod train;
