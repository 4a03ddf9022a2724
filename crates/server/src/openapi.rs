//! What every route has in common, said once in the description: how one signs in, and how refusals look.

use std::sync::LazyLock;

use axum::routing::get;
use axum::{Json, Router};
use utoipa::PartialSchema as _;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, Content, Info, OpenApi, Ref, RefOr, Response};

use crate::app::{self, App};
use crate::refused::RefusalBody;

/// The name of the one way to sign in.
const BEARER: &str = "bearer";
const REFUSAL: &str = "Refusal";

static DOCUMENT: LazyLock<OpenApi> = LazyLock::new(app::openapi);

/// The description itself, and where it is for who only knows the address of the server.
pub(crate) fn router() -> Router<App> {
    let document = async || Json(&*DOCUMENT);
    let greeting = async || {
        concat!(
            "Atelier's server ",
            env!("CARGO_PKG_VERSION"),
            ", described in /openapi.json\n"
        )
    };
    Router::new()
        .route("/openapi.json", get(document))
        .route("/", get(greeting))
}

/// Adds what all have in common. An operation that says nothing about signing in needs it; those for everybody say `security(())`.
pub(crate) fn complete(mut document: OpenApi) -> OpenApi {
    document.info = Info::new("Atelier", env!("CARGO_PKG_VERSION"));
    document.info.description =
        Some("Accounts, tokens, styles, generations and what people say about them.".to_owned());
    let components = document.components.get_or_insert_with(Components::new);
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    components.security_schemes.insert(BEARER.to_owned(), bearer.into());
    components.schemas.insert(REFUSAL.to_owned(), RefusalBody::schema());
    document.security = Some(vec![SecurityRequirement::new(BEARER, Vec::<String>::new())]);
    for path in document.paths.paths.values_mut() {
        for operation in operations(path) {
            // A handler is called after what it does, its file after the noun.
            if let (Some(id), Some(noun)) = (&mut operation.operation_id, operation.tags.iter().flatten().next()) {
                id.insert_str(0, &format!("{noun}_"));
            }
            for (statuses, when) in [
                ("4XX", "Refused; `code` says why."),
                ("5XX", "Cannot be answered just now, or a defect."),
            ] {
                let all = &mut operation.responses.responses;
                all.entry(statuses.to_owned())
                    .or_insert_with(|| RefOr::T(refusal(when)));
            }
        }
    }
    document
}

fn refusal(when: &str) -> Response {
    let mut response = Response::new(when);
    let schema = RefOr::Ref(Ref::from_schema_name(REFUSAL));
    response
        .content
        .insert("application/json".to_owned(), Content::new(Some(schema)).into());
    response
}

fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem {
        get,
        put,
        post,
        delete,
        options,
        head,
        patch,
        trace,
        ..
    } = path;
    [get, put, post, delete, options, head, patch, trace]
        .into_iter()
        .flatten()
}
