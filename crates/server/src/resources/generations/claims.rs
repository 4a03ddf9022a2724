//! What the server signs: tickets, receipts and vouchers. A label before the JSON keeps one from being taken for another.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use crate::app::App;
use crate::refused::{Answer, Refused};

/// Labels, each for one kind of claims.
pub(crate) const TICKET: &str = "atelier ticket";
pub(crate) const RECEIPT: &str = "atelier receipt";
pub(crate) const VOUCHER: &str = "atelier voucher";

/// `claims` as JSON, a full stop, the Ed25519 signature over label, zero byte and JSON; both as unpadded base64url.
pub(crate) fn sign(app: &App, label: &str, claims: &impl Serialize) -> Answer<String> {
    let json = serde_json::to_vec(claims).map_err(|error| Refused::from(sqlx::Error::Encode(Box::new(error))))?;
    let mut signed = label.as_bytes().to_vec();
    signed.push(0);
    signed.extend_from_slice(&json);
    let signature = app.signer.sign(&signed);
    Ok(format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(&json),
        URL_SAFE_NO_PAD.encode(signature)
    ))
}
