//! The real window with the real worker and the starter model, in front of nobody.

mod handover;
mod main_job;
mod models;
mod package;
mod screens;
mod second_thoughts;
mod security;
mod steps;
mod survival;
mod threads;
