//! `/-/reload` and `/-/quit`.

use http::{Method, StatusCode};

use super::reply::{Reply, text};
use crate::app::{App, Order};

pub(super) fn respond(app: &App, path: &str, method: &Method) -> Reply {
    if *method == Method::GET {
        return text(StatusCode::METHOD_NOT_ALLOWED, "Only POST or PUT requests allowed");
    }
    if !app.options.lifecycle {
        return text(StatusCode::FORBIDDEN, "Lifecycle API is not enabled.");
    }
    if path == "/-/quit" {
        let _ = app.orders.try_send(Order::Quit);
        return text(StatusCode::OK, "Requesting termination... Goodbye!");
    }
    let (answer, outcome) = std::sync::mpsc::channel();
    let sent = app.orders.try_send(Order::Reload(answer));
    match (sent, outcome.recv()) {
        (Ok(()), Ok(Ok(()))) => text(StatusCode::OK, ""),
        (Ok(()), Ok(Err(error))) => {
            text(StatusCode::INTERNAL_SERVER_ERROR, format!("failed to reload config: {error}\n"))
        }
        _ => text(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
    }
}
