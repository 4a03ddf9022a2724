//! What every request goes through: an id that the log and the answer share, counting, and answers that always are of one form.

use std::any::Any;
use std::time::Instant;

use atelier_contract::Refusal;
use axum::body::{Body, to_bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use metrics::{counter, gauge, histogram};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::app::App;
use crate::metrics::{REQUEST_SECONDS, REQUESTS, REQUESTS_NOW};
use crate::refused::Refused;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id that is taken over from a proxy.
const ID_CHARS_MAX: usize = 64;
/// Longest explanation of a malformed request.
const REASON_BYTES_MAX: usize = 4096;

tokio::task_local! {
    static CURRENT: String;
}

/// The id of the request under way.
pub(crate) fn current() -> String {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}

/// Gives the request its id, counts it, and tells both log and caller.
pub(crate) async fn follow(mut request: Request, next: Next) -> Response {
    let id = taken_over(request.headers()).unwrap_or_else(|| Uuid::new_v4().simple().to_string());
    let method = request.method().clone();
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unknown", MatchedPath::as_str)
        .to_owned();
    let span = tracing::info_span!("request", %id, %method, path);
    let value = HeaderValue::from_str(&id).unwrap_or_else(|_| HeaderValue::from_static("unknown"));
    request.headers_mut().insert(REQUEST_ID, value.clone());
    let begun = Instant::now();
    let now = gauge!(REQUESTS_NOW);
    now.increment(1);
    let mut response = CURRENT.scope(id, next.run(request).instrument(span.clone())).await;
    now.decrement(1);
    let seconds = begun.elapsed().as_secs_f64();
    let status = response.status();
    let labels = [("method", method.to_string()), ("path", path)];
    histogram!(REQUEST_SECONDS, &labels).record(seconds);
    counter!(REQUESTS, "method" => labels[0].1.clone(), "path" => labels[1].1.clone(), "status" => status.as_str().to_owned())
        .increment(1);
    span.in_scope(|| tracing::debug!(status = status.as_u16(), seconds, "answered"));
    response.headers_mut().insert(REQUEST_ID, value);
    response
}

fn taken_over(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let plain = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
    (!id.is_empty() && id.len() <= ID_CHARS_MAX && id.bytes().all(plain)).then(|| id.to_owned())
}

/// What the framework refuses by itself (a body that is no JSON, a path that is no route) leaves as a refusal, too.
pub(crate) async fn one_form(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let json = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().ends_with(b"json"));
    if !status.is_client_error() || json || response.headers().contains_key(header::LOCATION) {
        return response;
    }
    let refusal = match status {
        StatusCode::NOT_FOUND => Refusal::RouteUnknown {},
        StatusCode::METHOD_NOT_ALLOWED => Refusal::MethodUnknown {},
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::BodyTooLarge {},
        _ => {
            let (_, body) = response.into_parts();
            let said = to_bytes(body, REASON_BYTES_MAX).await.unwrap_or_default();
            let reason = String::from_utf8_lossy(&said).into_owned();
            let refusal = Refusal::RequestInvalid { reason };
            return (status, Refused::from(refusal).body()).into_response();
        }
    };
    let mut answer = (status, Refused::from(refusal).body()).into_response();
    if let Some(allow) = response.headers().get(header::ALLOW) {
        answer.headers_mut().insert(header::ALLOW, allow.clone());
    }
    answer
}

/// JSON is an object everywhere. Said here, because what reads it takes the fields of an object from an array as well, in their order.
pub(crate) async fn objects_only(State(app): State<App>, request: Request, next: Next) -> Response {
    let json = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if !json {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, app.config.limits.body_bytes_max).await else {
        return Refused::from(Refusal::BodyTooLarge {}).into_response();
    };
    if bytes.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
        let reason = "the body is a JSON object".to_owned();
        return Refused::from(Refusal::RequestInvalid { reason }).into_response();
    }
    next.run(Request::from_parts(parts, Body::from(bytes))).await
}

/// A defect that ended a handler ends that one answer only.
pub(crate) fn after_panic(panic: Box<dyn Any + Send + 'static>) -> Response<Body> {
    let said = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = said.unwrap_or("without a word"), "a handler ended");
    Refused::defect().into_response()
}

/// What browsers are told about every answer. A page sets its own policy.
pub(crate) async fn protect(request: Request, next: Next) -> Response {
    const HEADERS: [(HeaderName, &str); 6] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (header::CACHE_CONTROL, "no-store"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
    ];
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    response
}
