//! What one address, user or device may take in a minute, and what this process takes at a time.
//!
//! Counted in each process by itself: behind a balancer over `n` processes the limits are up to `n` times as wide. What has to hold
//! exactly (a person's own limits) is kept by the database.

mod seats;

use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use atelier_contract::{Refusal, UserId};
use axum::body::Body;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use metrics::counter;
use tower_http::timeout::TimeoutBody;

use seats::Seats;

use crate::app::App;
use crate::caller::{AccessClaims, DeviceKey};
use crate::config::Limits;
use crate::metrics::TURNED_AWAY;
use crate::refused::Refused;

/// Seconds after which a server that was too busy may be asked again.
const BUSY_RETRY_S: u64 = 1;
/// How often those who have not come for a while are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(60);
/// Longest upload; its size is declared and checked on the way.
const UPLOAD_S_MAX: u64 = 3600;
/// Where a body is brought as a stream, and where one is looked at that was brought elsewhere.
const UPLOADS: [(Method, &str); 2] = [
    (Method::PUT, "/uploads/{id}/content"),
    (Method::POST, "/uploads/{id}/check"),
];
/// Exports that are written at a time: a page of rows is held for each.
const EXPORTS_MAX: usize = 64;
/// Those of one user.
const EXPORTS_PER_USER_MAX: usize = 1;

/// The counters of a process.
#[derive(Debug)]
pub struct Gate {
    addresses: Option<DefaultKeyedRateLimiter<IpAddr>>,
    users: Option<DefaultKeyedRateLimiter<UserId>>,
    devices: Option<DefaultKeyedRateLimiter<DeviceKey>>,
    places: Arc<Seats<IpAddr>>,
    /// Uploads that are being brought: they take long, and are no reason to keep others out.
    pub(crate) uploads: Arc<Seats<UserId>>,
    /// Streams that say what changed: they go on as long as the access token.
    pub(crate) streams: Arc<Seats<UserId>>,
    /// Exports that are being written: they read all that somebody has.
    pub(crate) exports: Arc<Seats<UserId>>,
}

impl Gate {
    /// With these limits.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            addresses: limiter(limits.per_address_min),
            users: limiter(limits.per_user_min),
            devices: limiter(limits.per_device_min),
            uploads: Seats::new(limits.uploads_max, limits.uploads_per_user_max),
            streams: Seats::new(limits.streams_max, limits.streams_per_user_max),
            exports: Seats::new(EXPORTS_MAX, EXPORTS_PER_USER_MAX),
            places: Seats::new(limits.requests_max, limits.requests_per_address_max),
        }
    }

    /// Counts a request with an access token that is this server's.
    ///
    /// # Errors
    /// [`Refusal::TooManyRequests`].
    pub fn signed_in(&self, claims: &AccessClaims) -> Result<(), Refused> {
        check(self.users.as_ref(), &claims.user)?;
        match &claims.device {
            Some(device) => check(self.devices.as_ref(), device),
            None => Ok(()),
        }
    }

    /// Forgets those who have not come for a while, for as long as the process runs.
    pub async fn forget(self: Arc<Self>) {
        let mut clock = tokio::time::interval(FORGET_EVERY);
        loop {
            clock.tick().await;
            if let Some(addresses) = &self.addresses {
                addresses.retain_recent();
            }
            if let Some(users) = &self.users {
                users.retain_recent();
            }
            if let Some(devices) = &self.devices {
                devices.retain_recent();
            }
        }
    }
}

fn limiter<K: Hash + Eq + Clone>(per_min: u32) -> Option<DefaultKeyedRateLimiter<K>> {
    NonZeroU32::new(per_min).map(|per_min| RateLimiter::keyed(Quota::per_minute(per_min)))
}

fn check<K: Hash + Eq + Clone>(limiter: Option<&DefaultKeyedRateLimiter<K>>, key: &K) -> Result<(), Refused> {
    let Some(Err(until)) = limiter.map(|limiter| limiter.check_key(key)) else {
        return Ok(());
    };
    counter!(TURNED_AWAY, "reason" => "rate").increment(1);
    let retry_s = until.wait_time_from(DefaultClock::default().now()).as_secs() + 1;
    Err(Refusal::TooManyRequests { retry_s }.into())
}

/// Turns away who comes too often or has too much under way, and everybody while this process has all it can do. Uploads get their place
/// once it is known whose they are.
pub(crate) async fn admit(State(app): State<App>, request: Request, next: Next) -> Response {
    let address = address(&request, app.config.limits.trusted_proxies.unwrap_or(0));
    if let Err(refused) = check(app.gate.addresses.as_ref(), &address) {
        return refused.into_response();
    }
    if is_upload(&request) {
        return next.run(request).await;
    }
    let _place = match app.gate.places.take(address) {
        Ok(place) => place,
        Err(refused) => return refused.into_response(),
    };
    next.run(request).await
}

/// Gives up on what takes too long to begin its answer, and on a body of which nothing comes any more: it is held, and its place with it.
pub(crate) async fn in_time(State(app): State<App>, request: Request, next: Next) -> Response {
    let limits = &app.config.limits;
    let (seconds, idle_s) = if is_upload(&request) {
        (UPLOAD_S_MAX, limits.upload_idle_s_max)
    } else {
        (limits.request_s_max, limits.body_idle_s_max)
    };
    let request = request.map(|body| Body::new(TimeoutBody::new(Duration::from_secs(idle_s), body)));
    match tokio::time::timeout(Duration::from_secs(seconds), next.run(request)).await {
        Ok(response) => response,
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            Refused::from(Refusal::ServerBusy { retry_s: BUSY_RETRY_S }),
        )
            .into_response(),
    }
}

fn is_upload(request: &Request) -> bool {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    path.is_some_and(|path| {
        UPLOADS
            .iter()
            .any(|(method, of)| request.method() == method && path == *of)
    })
}

/// Who asks: the peer, or whom the last trusted proxy names, as they are counted.
fn address(request: &Request, trusted_proxies: u8) -> IpAddr {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let named = if trusted_proxies == 0 {
        None
    } else {
        forwarded(request.headers(), trusted_proxies)
    };
    let peer = peer.map(|ConnectInfo(peer)| peer.ip());
    counted(named.or(peer).unwrap_or(Ipv4Addr::UNSPECIFIED.into()))
}

/// In IPv6 whoever has one address has at least 2⁶⁴ of them (RFC 6177): all that share the first half are one.
fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

fn forwarded(headers: &HeaderMap, trusted_proxies: u8) -> Option<IpAddr> {
    let entries: Vec<_> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    let place = entries.len().checked_sub(usize::from(trusted_proxies))?;
    entries.get(place)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_is_named_by_the_last_trusted_proxy_alone() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", "6.6.6.6, 1.2.3.4".parse().expect("a value"));
        headers.append("x-forwarded-for", "10.0.0.1".parse().expect("a value"));
        assert_eq!(forwarded(&headers, 1), Some(IpAddr::from([10, 0, 0, 1])));
        assert_eq!(forwarded(&headers, 2), Some(IpAddr::from([1, 2, 3, 4])));
        assert_eq!(forwarded(&headers, 4), None);
    }

    #[test]
    fn addresses_of_one_network_are_counted_as_one() {
        let of = |address: &str| counted(address.parse().expect("an address"));
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
