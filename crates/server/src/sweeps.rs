//! What runs by the clock. Each sweep is safe on any number of replicas at a time.

use crate::app::App;
use crate::counts;
use crate::resources::{generations::sweep, uploads};

/// Runs every sweep once, for who does not want to wait for the clock. Gives the rows each one took.
///
/// # Errors
/// The first that the database gives.
pub async fn run_all(app: &App) -> Result<Vec<(&'static str, u64)>, sqlx::Error> {
    Ok(vec![
        ("style_uses", counts::style_uses(app).await?),
        ("tag_uses", counts::tag_uses(app).await?),
        ("likes", counts::likes(app).await?),
        ("expired_reservations", sweep::expired_reservations(app).await?),
        ("lapsed_leases", sweep::lapsed_leases(app).await?),
        ("unacknowledged", sweep::unacknowledged(app).await?),
        ("unspent_vouchers", sweep::unspent_vouchers(app).await?),
        ("uploads", uploads::sweep(app).await?),
    ])
}
