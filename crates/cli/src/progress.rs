//! How far long work is, on standard error: a bar on a terminal, otherwise a line now and then.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use atelier_studio::protocol::Phase;
use indicatif::{ProgressBar, ProgressStyle};

use crate::output::{Output, duration};

/// Shortest time between two lines.
const LINE_INTERVAL: Duration = Duration::from_secs(3);
/// Longest time without one while something moves.
const LINE_INTERVAL_MAX: Duration = Duration::from_secs(30);

/// Shows how far something is.
pub(crate) struct Progress {
    output: Output,
    shape: Shape,
}

enum Shape {
    Bar(ProgressBar),
    Lines(Option<Line>),
}

/// The line that was written last.
struct Line {
    at: Instant,
    label: String,
    tenth: u64,
}

impl Progress {
    /// A bar if a person watches, lines otherwise.
    pub(crate) fn new(output: Output) -> Self {
        let shape = if std::io::stderr().is_terminal() && !output.json {
            let bar = ProgressBar::no_length();
            let style = ProgressStyle::with_template("{prefix:22} {wide_bar} {pos}/{len} {msg}");
            bar.set_style(style.unwrap_or_else(|_fixed| ProgressStyle::default_bar()));
            Shape::Bar(bar)
        } else {
            Shape::Lines(None)
        };
        Self { output, shape }
    }

    /// `done` of `of` are done; 0 when it is not known of how many.
    pub(crate) fn show(&mut self, label: &str, done: u64, of: u64, seconds_left: Option<f64>) {
        let left = seconds_left.map(|seconds| format!("{} left", duration(seconds)));
        self.show_with(label, done, of, &left.unwrap_or_default());
    }

    /// The same with words behind it, which may change from one time to the next.
    pub(crate) fn show_with(&mut self, label: &str, done: u64, of: u64, behind: &str) {
        match &mut self.shape {
            Shape::Bar(bar) => {
                bar.set_prefix(label.to_owned());
                bar.set_length(of.max(done));
                bar.set_position(done);
                bar.set_message(behind.to_owned());
            }
            Shape::Lines(last) => {
                let tenth = (done * 10).checked_div(of).unwrap_or_default();
                if !is_due(last.as_ref(), label, tenth, Instant::now()) {
                    return;
                }
                *last = Some(Line {
                    at: Instant::now(),
                    label: label.to_owned(),
                    tenth,
                });
                let count = if of > 0 { format!(" {done}/{of}") } else { String::new() };
                let comma = if behind.is_empty() { "" } else { ", " };
                self.output.note(&format!("{label}{count}{comma}{behind}"));
            }
        }
    }

    /// A line that stays.
    pub(crate) fn say(&self, words: &str) {
        match &self.shape {
            Shape::Bar(bar) => bar.suspend(|| self.output.note(words)),
            Shape::Lines(_) => self.output.note(words),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Shape::Bar(bar) = &self.shape {
            bar.finish_and_clear();
        }
    }
}

fn is_due(last: Option<&Line>, label: &str, tenth: u64, now: Instant) -> bool {
    let Some(last) = last else { return true };
    let since = now.duration_since(last.at);
    let news = last.label != label || last.tenth != tenth;
    (news && since >= LINE_INTERVAL) || since >= LINE_INTERVAL_MAX
}

/// What a part of a job is called.
pub(crate) fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Loading => "loading the model",
        Phase::Encoding => "reading",
        Phase::Training => "training",
        Phase::Sampling => "making samples",
        Phase::Checking => "checking the style",
        Phase::Denoising => "painting",
        Phase::Decoding => "finishing the pictures",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_at_most_every_few_seconds() {
        let at = Instant::now();
        let last = Line {
            at,
            label: "training".into(),
            tenth: 3,
        };
        let after = |seconds| at + Duration::from_secs(seconds);
        assert!(is_due(None, "training", 0, at));
        assert!(!is_due(Some(&last), "training", 4, after(1)));
        assert!(is_due(Some(&last), "training", 4, after(4)));
        assert!(!is_due(Some(&last), "training", 3, after(20)));
        assert!(is_due(Some(&last), "training", 3, after(31)));
    }
}
