//! How a refusal leaves the server: a status and `{"code", "message", "details"}`. Nothing of a defect but its request id does.

use atelier_contract::{Language, Refusal};
use axum::Json;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};

/// Seconds after which a database that was away may be asked again.
const DATABASE_RETRY_S: u64 = 1;

/// Seconds after which a store that was away may be asked again.
const STORE_RETRY_S: u64 = 5;

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
    /// A database that is away for a moment, or that chose this transaction to end a deadlock, is no defect: asking again helps. Neither
    /// is a value that no column takes: every text and time of a request comes through here, those within cursors, free JSON and pushed
    /// mutations as well, of which one that is refused holds up no other.
    fn from(error: sqlx::Error) -> Self {
        if passes(&error) {
            tracing::warn!(%error, "the database is away or busy");
            return Self(Refusal::ServerBusy {
                retry_s: DATABASE_RETRY_S,
            });
        }
        if is_unstorable(&error) {
            tracing::info!(%error, "a value that no column takes");
            return Self(Refusal::RequestInvalid {
                reason: "it holds a character or a time that cannot be stored".to_owned(),
            });
        }
        tracing::error!(%error, "the database failed");
        Self::defect()
    }
}

impl From<object_store::Error> for Refused {
    /// A store that is away, slow or full is no defect: asking again helps. An object that a row names and that is not there is one.
    fn from(error: object_store::Error) -> Self {
        if matches!(error, object_store::Error::NotFound { .. }) {
            tracing::error!(%error, "an object that a row names is missing");
            return Self::defect();
        }
        tracing::warn!(%error, "the object store is away or busy");
        Self(Refusal::ServerBusy { retry_s: STORE_RETRY_S })
    }
}

/// Whether the request brought a NUL within a text or within JSON, or a time of before 4713 BC.
fn is_unstorable(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    matches!(code.as_deref(), Some("22021" | "22P05" | "22008"))
}

/// Whether the same request may well succeed a moment later.
fn passes(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => true,
        // Serialisation, deadlock; out of connections; cancelled, shut down, crashed, starting; lock not had in time; connection gone.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            matches!(
                &*code,
                "40001" | "40P01" | "53300" | "57014" | "57P01" | "57P02" | "57P03" | "55P03"
            ) || code.starts_with("08")
        }),
        _ => false,
    }
}

impl Refused {
    /// Something that nobody can mend from outside. The log has the rest under the request's id, which is all that leaves.
    #[must_use]
    pub fn defect() -> Self {
        Self(Refusal::Internal {
            reason: format!("request {}", crate::requests::current()),
        })
    }

    /// As JSON.
    pub(crate) fn body(&self) -> Json<serde_json::Value> {
        let mut body = serde_json::to_value(&self.0).unwrap_or_default();
        if body.get("details").is_none() {
            body["details"] = serde_json::json!({});
        }
        body["message"] = self.0.sentence(Language::En).into();
        Json(body)
    }
}

/// The form of every refusal, for the description of the routes.
#[derive(Debug, utoipa::ToSchema)]
#[schema(as = Refusal)]
#[expect(dead_code, reason = "only its description is used")]
pub(crate) struct RefusalBody {
    /// Which refusal; the list is in docs/api.md. Never reused for another meaning.
    code: String,
    /// A sentence in English, for logs. What a person reads is made from code and details.
    message: String,
    /// What the sentence speaks of, by name.
    #[schema(value_type = Object)]
    details: serde_json::Value,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = (status(&self.0), self.body()).into_response();
        if let Refusal::TooManyRequests { retry_s } | Refusal::ServerBusy { retry_s } = self.0 {
            response.headers_mut().insert(RETRY_AFTER, retry_s.into());
        }
        response
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the refusals of the desktop never leave here; what is not said is a bad request"
)]
fn status(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::Internal { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        Refusal::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
        Refusal::ServerBusy { .. } => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::MethodUnknown {} => StatusCode::METHOD_NOT_ALLOWED,
        Refusal::BodyTooLarge {} => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::RouteUnknown {}
        | Refusal::StyleUnknown { .. }
        | Refusal::UserUnknown { .. }
        | Refusal::GenerationUnknown { .. }
        | Refusal::ArtworkUnknown { .. }
        | Refusal::PurchaseUnknown { .. }
        | Refusal::UploadUnknown { .. }
        | Refusal::CommentUnknown { .. }
        | Refusal::NotificationUnknown { .. } => StatusCode::NOT_FOUND,
        Refusal::NotSignedIn {} => StatusCode::UNAUTHORIZED,
        Refusal::AccountInactive {}
        | Refusal::AccountSuspended {}
        | Refusal::ArtistOnly {}
        | Refusal::GenerationHidden { .. }
        | Refusal::StyleSuspended { .. }
        | Refusal::DeviceElsewhere {} => StatusCode::FORBIDDEN,
        Refusal::NotEnoughTokens { .. } | Refusal::SpendingFrozen { .. } => StatusCode::PAYMENT_REQUIRED,
        Refusal::StyleNameTaken { .. }
        | Refusal::UsernameTaken { .. }
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
        | Refusal::NotEnoughEarned { .. }
        | Refusal::PaymentsOff {}
        | Refusal::TooManyPurchases { .. }
        | Refusal::MutationGap { .. }
        | Refusal::ReplyTooDeep { .. }
        | Refusal::IdempotencyKeyReused {} => StatusCode::CONFLICT,
        Refusal::UploadRefused { .. }
        | Refusal::SignInFailed { .. }
        | Refusal::PackageUnknown { .. }
        | Refusal::NumberOutOfRange { .. }
        | Refusal::TagEmpty {}
        | Refusal::TagNotEnglish { .. }
        | Refusal::TagTooLong { .. }
        | Refusal::TagBanned { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::BAD_REQUEST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_leaves_with_the_status_that_the_document_tells() {
        let api = include_str!("../../../docs/api.md");
        let mut told = 0;
        for row in api.lines() {
            let cells: Vec<_> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
            let [_, number, code, details, ..] = cells[..] else {
                continue;
            };
            let Ok(number) = number.parse::<u16>() else { continue };
            let json = format!(r#"{{"code": "{code}", "details": {details}}}"#);
            let refusal: Refusal = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{row}: {error}"));
            assert_eq!(status(&refusal).as_u16(), number, "{code}");
            told += 1;
        }
        assert!(told > 40, "only {told} refusals are told");
    }
}
