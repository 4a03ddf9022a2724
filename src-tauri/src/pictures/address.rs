//! Addresses of pictures: `picture://localhost/artwork/7?side=256`. Ids only, so that no address reaches outside the library.

use std::str::FromStr;

use atelier_studio::contract::{ArtworkId, GenerationId, JobId};
use atelier_studio::thumbnails::Side;

/// What an address asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// An artwork, upright; with `cropped`, as training sees it. `side` asks for a thumbnail.
    Artwork {
        id: ArtworkId,
        side: Option<Side>,
        cropped: bool,
    },
    /// A finished picture.
    Generation { id: GenerationId, side: Option<Side> },
    /// A picture as it forms.
    Preview { job: JobId, index: u32 },
    /// A sample of a training.
    Training { job: JobId, step: u32, index: u32 },
    /// The artist's signature.
    Signature,
    /// A picture of a sample project.
    Sample { sample: String, index: u32 },
}

impl Wanted {
    /// Reads path and query of an address; `None` when it asks for nothing that there is.
    pub(crate) fn parse(path: &str, query: &str) -> Option<Self> {
        let value = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find_map(|(key, value)| (key == name).then_some(value))
        };
        let side = match value("side") {
            None => None,
            Some(px) => Some(side_of(number(px)?)?),
        };
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match parts[..] {
            ["artwork", id] => Some(Self::Artwork {
                id: number(id)?,
                side,
                cropped: value("cropped") == Some("1"),
            }),
            ["generation", id] => Some(Self::Generation { id: number(id)?, side }),
            ["preview", job, index] => Some(Self::Preview {
                job: number(job)?,
                index: number(index)?,
            }),
            ["training", job, step, index] => Some(Self::Training {
                job: number(job)?,
                step: number(step)?,
                index: number(index)?,
            }),
            ["signature"] => Some(Self::Signature),
            ["sample", sample, index] if is_name(sample) => Some(Self::Sample {
                sample: sample.to_owned(),
                index: number(index)?,
            }),
            _ => None,
        }
    }
}

/// The thumbnails that there are, by their longest side in pixels.
fn side_of(px: u32) -> Option<Side> {
    [Side::Small, Side::Large].into_iter().find(|side| side.px() == px)
}

fn number<N: FromStr>(text: &str) -> Option<N> {
    text.parse().ok()
}

/// Whether a text can be the name of a sample project: nothing that a path could be made of.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id<I: TryFrom<i64>>(number: i64) -> I {
        I::try_from(number).ok().expect("above zero")
    }

    #[test]
    fn an_address_names_a_picture() {
        let wanted = Wanted::parse("/artwork/7", "side=256&cropped=1&v=3");
        let artwork = Wanted::Artwork {
            id: id(7),
            side: Some(Side::Small),
            cropped: true,
        };
        assert_eq!(wanted, Some(artwork));
        assert_eq!(
            Wanted::parse("/generation/9", ""),
            Some(Wanted::Generation { id: id(9), side: None })
        );
        let (job, step, index) = (id(2), 40, 1);
        assert_eq!(
            Wanted::parse("/training/2/40/1", "v=1"),
            Some(Wanted::Training { job, step, index })
        );
    }

    #[test]
    fn an_address_reaches_nothing_else() {
        for (path, query) in [
            ("/artwork/../../etc/passwd", ""),
            ("/artwork/0", ""),
            ("/artwork/7", "side=1000"),
            ("/artwork/7", "side=256px"),
            ("/sample/../0", ""),
            ("/sample/a%2Fb/0", ""),
            ("/sample//0", ""),
            ("//etc/passwd", ""),
            ("/preview/1", ""),
            ("", ""),
        ] {
            assert_eq!(Wanted::parse(path, query), None, "{path}?{query}");
        }
    }
}
