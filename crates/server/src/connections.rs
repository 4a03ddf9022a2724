//! Connections of clients: so many at a time, each with a time until the head of its next request has come, and none cut off while it is
//! answered. HTTP/1.1; TLS and HTTP/2 are for what stands before the server.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service as _;

use crate::config::Limits;

/// Wait after a connection could not be taken, most likely because this process has no file descriptor left.
const AGAIN: Duration = Duration::from_secs(1);

/// Answers what comes to `listener` until `closing` is cancelled, and then what is under way, for as long as `limits` say.
pub async fn serve(listener: TcpListener, router: Router, limits: &Limits, closing: CancellationToken) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(limits.head_s_max));
    let places = Arc::new(Semaphore::new(limits.sockets_max));
    let open = TaskTracker::new();
    while let Some((stream, peer, place)) = closing.run_until_cancelled(accept(&listener, &places)).await {
        let router = router.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().call(request)
        });
        let connection = http.serve_connection(TokioIo::new(stream), service);
        let closing = closing.clone();
        open.spawn(async move {
            let mut connection = pin!(connection);
            let ended = match closing.run_until_cancelled(connection.as_mut()).await {
                Some(ended) => ended,
                None => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%peer, %error, "a connection broke off");
            }
            drop(place);
        });
    }
    drop(listener);
    open.close();
    tokio::select! {
        () = open.wait() => {}
        () = tokio::time::sleep(Duration::from_secs(limits.drain_s_max)) => {
            tracing::warn!("requests under way were cut off");
        }
    }
}

/// The next connection, as soon as there is a place for it; until then it waits in the system's queue.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let place = places.clone().acquire_owned().await.expect("it is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, place),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "connections cannot be taken");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
