//! Pages of lists.

use serde::{Deserialize, Serialize};

/// Part of a list, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// May be fewer than were asked for, or none, and still not the last.
    pub items: Vec<T>,
    /// What to ask for what comes after with; absent at the end.
    pub next: Option<String>,
}
