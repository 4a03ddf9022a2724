//! Saying things: results on standard output, everything else on standard error.
//!
//! Whoever reads may stop reading: a broken pipe is no failure, and what was going on goes on to its end.

use std::io::{self, Write};
use std::path::PathBuf;

use atelier_studio::Error;
use atelier_studio::contract::{Language, Refusal};
use serde::Serialize;
use serde_json::json;

/// How a command speaks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// For a program.
    pub(crate) json: bool,
    /// Of refusals.
    pub(crate) language: Language,
}

impl Output {
    /// Tells what came out: `value` to a program, `words` to a person.
    pub(crate) fn tell(&self, value: &impl Serialize, words: impl FnOnce() -> String) -> Result<(), Error> {
        let text = if self.json {
            serde_json::to_string_pretty(value)?
        } else {
            words()
        };
        print(text.trim_end()).map_err(|source| Error::File {
            path: PathBuf::from("standard output"),
            source,
        })
    }

    /// Tells a person on the way; a program reads the result.
    pub(crate) fn note(&self, words: &str) {
        // Nobody is there to be told that nobody listens.
        let _ = writeln!(io::stderr().lock(), "{words}");
    }

    /// Says why nothing came out.
    pub(crate) fn refuse(&self, refusal: &Refusal) {
        if self.json {
            let mut object = serde_json::to_value(refusal).unwrap_or_else(|_plain| json!({}));
            object["message"] = json!(refusal.sentence(Language::En));
            let _ = print(&format!("{object:#}"));
        }
        self.note(&format!("error: {}", self.sentence(refusal)));
        // A defect is not for people; whoever reports it has the words at hand.
        if let Refusal::Internal { reason } = refusal {
            self.note(&format!("  {reason}"));
        }
    }

    /// A refusal in one line.
    pub(crate) fn sentence(&self, refusal: &Refusal) -> String {
        let sentence = refusal.sentence(self.language);
        sentence.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

/// Bytes as people count them.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    let mut amount = count as f64 / 1000.0;
    let mut unit = UNITS[0];
    for larger in &UNITS[1..] {
        if amount < 1000.0 {
            break;
        }
        amount /= 1000.0;
        unit = larger;
    }
    if count < 1000 {
        format!("{count} bytes")
    } else {
        format!("{amount:.1} {unit}")
    }
}

/// Seconds as people say them.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, _) if seconds < 10.0 => format!("{seconds:.1} s"),
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
    }
}

/// Lines as a table: columns as wide as their widest entry, two spaces between them.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = head.map(|name| name.chars().count());
    for row in rows {
        for (width, entry) in widths.iter_mut().zip(row) {
            *width = (*width).max(entry.chars().count());
        }
    }
    let mut text = String::new();
    for row in std::iter::once(&head.map(str::to_owned)).chain(rows) {
        let mut line = String::new();
        for (entry, width) in row.iter().zip(widths) {
            line.push_str(&format!("{entry:<width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_said_as_people_say_them() {
        assert_eq!(bytes(512), "512 bytes");
        assert_eq!(bytes(23_400_000), "23.4 MB");
        assert_eq!(bytes(4_265_146_304), "4.3 GB");
        assert_eq!(duration(4.25), "4.2 s");
        assert_eq!(duration(185.0), "3 min 05 s");
        assert_eq!(duration(7260.0), "2 h 01 min");
    }

    #[test]
    fn a_table_lines_up() {
        let rows = [["a".into(), "1".into()], ["longer".into(), "22".into()]];
        assert_eq!(table(["name", "n"], &rows), "name    n\na       1\nlonger  22\n");
    }
}
