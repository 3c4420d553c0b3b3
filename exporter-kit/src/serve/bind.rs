//! Opening a listening port, with errors that one line explains.

use std::io;

use tokio::net::TcpListener;

/// Why a port could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The address is not `host:port` or `:port`.
    #[error("listen address {address:?} is not of the form host:port")]
    Address {
        /// The address as given.
        address: String,
    },
    /// Somebody listens there already.
    #[error("cannot listen on {address}: the port is in use by another program")]
    InUse {
        /// The address as given.
        address: String,
    },
    /// The system refuses, often for ports below 1024.
    #[error("cannot listen on {address}: permission denied")]
    Denied {
        /// The address as given.
        address: String,
    },
    /// Anything else; the system's reason is the source.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address as given.
        address: String,
        /// The system's reason.
        source: io::Error,
    },
}

/// Opens a listening socket on `host:port`; without host (`:9100`) on every interface, IPv6 and IPv4.
///
/// # Errors
/// [`BindError`], which names the address.
pub async fn bind(address: &str) -> Result<TcpListener, BindError> {
    let named = || address.to_owned();
    let Some((host, port)) = address.rsplit_once(':') else {
        return Err(BindError::Address { address: named() });
    };
    let Ok(port) = port.parse::<u16>() else {
        return Err(BindError::Address { address: named() });
    };
    let outcome = if host.is_empty() {
        // One socket on [::] takes IPv4 as well; a system without IPv6 refuses it.
        match TcpListener::bind(("::", port)).await {
            Err(e) if e.kind() != io::ErrorKind::AddrInUse => TcpListener::bind(("0.0.0.0", port)).await,
            other => other,
        }
    } else {
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        TcpListener::bind((host, port)).await
    };
    outcome.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { address: named() },
        io::ErrorKind::PermissionDenied => BindError::Denied { address: named() },
        _ => BindError::Listen { address: named(), source },
    })
}
