//! What the program is told when it is started.

use std::fmt;

/// How to call the program.
const USAGE: &str = "usage: atelier-worker [--device auto|cpu|cuda|metal]";

/// Everything it can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// What to compute on.
    pub(crate) device: Wanted,
}

/// What to compute on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// What this build is made for. It does not fall back: who starts it has other builds to try.
    Auto,
    /// The processor, in any build.
    Cpu,
    /// The first NVIDIA card.
    Cuda,
    /// The Apple graphics processor.
    Metal,
}

/// An argument that means nothing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unknown(String);

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not understood; {USAGE}", self.0)
    }
}

impl Arguments {
    /// Reads the arguments that follow the program's name.
    ///
    /// # Errors
    /// At the first one that means nothing.
    pub(crate) fn read(mut given: impl Iterator<Item = String>) -> Result<Self, Unknown> {
        let mut arguments = Self { device: Wanted::Auto };
        while let Some(argument) = given.next() {
            let device = match argument.split_once('=') {
                Some(("--device", device)) => device.to_owned(),
                None if argument == "--device" => given.next().ok_or(Unknown(argument))?,
                _ => return Err(Unknown(argument)),
            };
            arguments.device = match device.as_str() {
                "auto" => Wanted::Auto,
                "cpu" => Wanted::Cpu,
                "cuda" => Wanted::Cuda,
                "metal" => Wanted::Metal,
                _ => return Err(Unknown(format!("--device {device}"))),
            };
        }
        Ok(arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::{Arguments, Unknown, Wanted};

    fn read(given: &str) -> Result<Wanted, Unknown> {
        let given = given.split_whitespace().map(str::to_owned);
        Arguments::read(given).map(|arguments| arguments.device)
    }

    #[test]
    fn the_device_is_chosen_or_left_to_the_build() {
        assert_eq!(read(""), Ok(Wanted::Auto));
        assert_eq!(read("--device cpu"), Ok(Wanted::Cpu));
        assert_eq!(read("--device=cuda"), Ok(Wanted::Cuda));
    }

    #[test]
    fn what_is_not_understood_is_refused_by_name() {
        for (given, named) in [
            ("--device", "--device"),
            ("--device tpu", "--device tpu"),
            ("help", "help"),
        ] {
            assert_eq!(read(given), Err(Unknown(named.to_owned())));
        }
    }
}
