//! How a refusal leaves the server: a status and `{"code", "message", "details"}`. Nothing of a defect but its request id does.

use atelier_contract::{Language, Refusal};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// A refusal on its way out.
#[derive(Debug)]
pub struct Refused(Refusal);

/// What a handler gives.
pub type Answer<T> = Result<T, Refused>;

impl Refused {
    /// What is refused.
    #[must_use]
    pub fn refusal(&self) -> &Refusal {
        &self.0
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl From<sqlx::Error> for Refused {
    fn from(error: sqlx::Error) -> Self {
        tracing::error!(%error, "the database failed");
        Self(Refusal::Internal {
            reason: "database".to_owned(),
        })
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut body = serde_json::to_value(&self.0).unwrap_or_default();
        body["message"] = self.0.sentence(Language::En).into();
        (status(&self.0), Json(body)).into_response()
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the refusals of the desktop never leave here; what is not said is a bad request")]
fn status(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::Internal { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        Refusal::StyleUnknown { .. }
        | Refusal::GenerationUnknown { .. }
        | Refusal::ArtworkUnknown { .. }
        | Refusal::UploadUnknown { .. } => StatusCode::NOT_FOUND,
        Refusal::NotSignedIn {} => StatusCode::UNAUTHORIZED,
        Refusal::AccountInactive {} | Refusal::ArtistOnly {} | Refusal::DeviceElsewhere {} => StatusCode::FORBIDDEN,
        Refusal::NotEnoughTokens { .. } => StatusCode::PAYMENT_REQUIRED,
        Refusal::StyleNameTaken { .. }
        | Refusal::StyleInUse { .. }
        | Refusal::StyleLimitReached { .. }
        | Refusal::StyleUnavailable { .. }
        | Refusal::StyleNotTrained { .. }
        | Refusal::StyleInTraining { .. }
        | Refusal::StyleTooFewArtworks { .. }
        | Refusal::StyleTooManyArtworks { .. }
        | Refusal::TrainingMoveRefused { .. }
        | Refusal::PriceDiffers { .. }
        | Refusal::TicketMoved { .. }
        | Refusal::AttemptStale { .. }
        | Refusal::GenerationNotShowable { .. }
        | Refusal::JournalBroken { .. }
        | Refusal::IdempotencyKeyReused {} => StatusCode::CONFLICT,
        Refusal::UploadRefused { .. }
        | Refusal::NumberOutOfRange { .. }
        | Refusal::TagEmpty {}
        | Refusal::TagNotEnglish { .. }
        | Refusal::TagTooLong { .. }
        | Refusal::TagBanned { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::BAD_REQUEST,
    }
}
