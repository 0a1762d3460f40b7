//! A session and a lane on one server, opened side by side.

use super::{ConnectOptions, Lane, Role, Session, lane, session};
use crate::error::Result;

/// Opens both at once: far away, a login after the other would take twice as many round trips. Where several servers could be meant
/// the lane may have ended on another one; then it is opened again where the session is.
///
/// # Errors
/// Of the first connection that fails.
pub async fn pair(options: &ConnectOptions, role: Role) -> Result<(Session, Lane)> {
    let (session, beside) = tokio::try_join!(Box::pin(session(options, role)), Box::pin(lane(options, role)))?;
    if beside.cancel_token().has_address_of(&session.cancel_token()) {
        return Ok((session, beside));
    }
    drop(beside);
    let lane = lane(&session.pinned(), role).await?;
    Ok((session, lane))
}
