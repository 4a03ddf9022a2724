//! What every request goes through: an id that the log and the answer share, counting, and answers that always are of one form.

use std::any::Any;
use std::time::Instant;

use atelier_contract::Refusal;
use axum::body::{Body, to_bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use metrics::{Gauge, counter, gauge, histogram};
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
    let path = request.extensions().get::<MatchedPath>();
    let path = path.map_or("unknown", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", %id, method = %request.method(), path);
    let value = HeaderValue::from_str(&id).unwrap_or_else(|_| HeaderValue::from_static("unknown"));
    request.headers_mut().insert(REQUEST_ID, value.clone());
    let counted = UnderWay::begun(name(request.method()), path);
    let mut response = CURRENT.scope(id, next.run(request).instrument(span.clone())).await;
    let (status, seconds) = (response.status(), counted.begun.elapsed().as_secs_f64());
    counted.answered(status, seconds);
    span.in_scope(|| tracing::debug!(status = status.as_u16(), seconds, "answered"));
    response.headers_mut().insert(REQUEST_ID, value);
    response
}

/// Of which there are only so many: whoever asks may make up others, and each would be counted for itself for ever.
fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// A request under way: counted when it is answered, and when who asked goes away before.
struct UnderWay {
    now: Gauge,
    begun: Instant,
    method: &'static str,
    path: String,
    status: String,
}

impl UnderWay {
    fn begun(method: &'static str, path: String) -> Self {
        let now = gauge!(REQUESTS_NOW);
        now.increment(1);
        Self {
            now,
            begun: Instant::now(),
            method,
            path,
            status: "gone".to_owned(),
        }
    }

    fn answered(mut self, status: StatusCode, seconds: f64) {
        histogram!(REQUEST_SECONDS, "method" => self.method, "path" => self.path.clone()).record(seconds);
        self.status = status.as_str().to_owned();
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.now.decrement(1);
        let (path, status) = (std::mem::take(&mut self.path), std::mem::take(&mut self.status));
        counter!(REQUESTS, "method" => self.method, "path" => path, "status" => status).increment(1);
    }
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
    let bytes = match whole(body, app.config.limits.body_bytes_max).await {
        Ok(bytes) => bytes,
        Err(refused) => return refused.into_response(),
    };
    if bytes.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
        let reason = "the body is a JSON object".to_owned();
        return Refused::from(Refusal::RequestInvalid { reason }).into_response();
    }
    next.run(Request::from_parts(parts, Body::from(bytes))).await
}

/// All of a body, of `bytes_max` at most.
async fn whole(body: Body, bytes_max: usize) -> Result<Bytes, Refused> {
    let mut parts = body.into_data_stream();
    let mut whole = BytesMut::new();
    while let Some(part) = parts.next().await {
        let part = part.map_err(|error| {
            tracing::info!(%error, "a body broke off");
            let reason = "the body broke off".to_owned();
            Refusal::RequestInvalid { reason }
        })?;
        if whole.len() + part.len() > bytes_max {
            return Err(Refusal::BodyTooLarge {}.into());
        }
        whole.extend_from_slice(&part);
    }
    Ok(whole.freeze())
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

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::middleware::from_fn;
    use axum::routing::any;
    use futures_util::FutureExt as _;
    use metrics_exporter_prometheus::PrometheusBuilder;
    use tower::Service as _;

    use super::*;

    /// What is told after one request of `method`, which is given up as soon as it waits.
    fn told(method: &str, path: &str) -> String {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            let mut router: Router = Router::new()
                .route("/now", any(async || "now"))
                .route("/never", any(std::future::pending::<()>))
                .layer(from_fn(follow));
            let request = Request::builder().method(method).uri(path).body(Body::empty());
            let answer = router.call(request.expect("a request"));
            assert_eq!(answer.now_or_never().is_some(), path == "/now");
        });
        recorder.handle().render()
    }

    #[test]
    fn a_method_that_somebody_made_up_is_counted_with_all_others() {
        assert!(told("PATCH", "/now").contains("method=\"PATCH\""));
        let told = told("XYZZY", "/now");
        assert!(told.contains("method=\"other\"") && !told.contains("XYZZY"), "{told}");
    }

    #[test]
    fn a_request_that_is_given_up_is_counted_and_is_not_under_way_any_more() {
        let told = told("GET", "/never");
        assert!(told.contains("status=\"gone\"} 1"), "{told}");
        assert!(told.contains(&format!("{REQUESTS_NOW} 0")), "{told}");
    }
}
