//! What the TLS settings make of a connection.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, SupportedCipherSuite, SupportedProtocolVersion};

use super::client_certs::{ClientCerts, Demand};
use super::document::{TlsSection, Version};
use super::{WebConfigError, fs_read};

/// Certificates and keys, and which settings they belong to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Material {
    cert: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
    /// Everything else that matters, so that other settings are other material.
    settings: String,
}

impl Material {
    /// Reads the files that the settings name.
    pub(super) fn read(section: &TlsSection) -> Result<Self, WebConfigError> {
        let cert = file_or_text(&section.cert_file, &section.cert)?.ok_or(WebConfigError::NoCertificate);
        let key = if section.key_file.as_os_str().is_empty() && section.key.is_empty() {
            Err(WebConfigError::NoKey)
        } else {
            Ok(())
        };
        // Without a certificate the key does not matter; with one, both must be there before any is read.
        let cert = cert?;
        key?;
        Ok(Self {
            cert,
            key: file_or_text(&section.key_file, &section.key)?.ok_or(WebConfigError::NoKey)?,
            client_ca: file_or_text(&section.client_ca_file, &section.client_ca)?,
            settings: format!("{section:?}"),
        })
    }
}

fn file_or_text(file: &Path, text: &str) -> Result<Option<Vec<u8>>, WebConfigError> {
    if !file.as_os_str().is_empty() {
        return fs_read(file).map(Some);
    }
    Ok((!text.is_empty()).then(|| text.as_bytes().to_vec()))
}

/// The server's side of TLS, without the protocols spoken above it.
pub(super) fn server_config(
    section: &TlsSection,
    material: &Material,
) -> Result<ServerConfig, WebConfigError> {
    let provider = Arc::new(provider(section));
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions(section))
        .map_err(|e| WebConfigError::tls("TLS versions and cipher suites", e))?;
    let builder = match client_certs(section, material, provider)? {
        Some(certs) => builder.with_client_cert_verifier(Arc::new(certs)),
        None => builder.with_no_client_auth(),
    };
    let key =
        PrivateKeyDer::from_pem_slice(&material.key).map_err(|e| WebConfigError::tls("private key", e))?;
    let mut config = builder
        .with_single_cert(certificates(&material.cert, "certificate")?, key)
        .map_err(|e| WebConfigError::tls("certificate with this key", e))?;
    // As the original: of the suites that both know, the server's first.
    config.ignore_client_order = true;
    Ok(config)
}

/// What is offered, in the original's order.
fn provider(section: &TlsSection) -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites = suites(section);
    if !section.curve_preferences.is_empty() {
        provider.kx_groups = section.curve_preferences.iter().map(|curve| curve.0).collect();
    }
    provider
}

/// Only suites of TLS 1.2 can be chosen.
fn suites(section: &TlsSection) -> Vec<SupportedCipherSuite> {
    use aws_lc_rs::cipher_suite as known;
    let all = [
        known::TLS13_AES_128_GCM_SHA256,
        known::TLS13_AES_256_GCM_SHA384,
        known::TLS13_CHACHA20_POLY1305_SHA256,
        known::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        known::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        known::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        known::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        known::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        known::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ];
    let chosen: Vec<_> = section.cipher_suites.iter().filter_map(|c| c.0).map(|c| c.suite()).collect();
    let free = section.cipher_suites.is_empty();
    all.into_iter().filter(|s| s.tls13().is_some() || free || chosen.contains(&s.suite())).collect()
}

fn versions(section: &TlsSection) -> Vec<&'static SupportedProtocolVersion> {
    let spoken = [(Version::Tls12, &rustls::version::TLS12), (Version::Tls13, &rustls::version::TLS13)];
    let wanted = section.min_version..=section.max_version;
    spoken.into_iter().filter(|(version, _)| wanted.contains(version)).map(|(_, v)| v).collect()
}

fn client_certs(
    section: &TlsSection,
    material: &Material,
    provider: Arc<CryptoProvider>,
) -> Result<Option<ClientCerts>, WebConfigError> {
    let demand = match section.client_auth_type.as_str() {
        "" | "NoClientCert" if material.client_ca.is_some() => return Err(WebConfigError::UnusedClientCas),
        "" | "NoClientCert" => return Ok(None),
        "RequestClientCert" => Demand { mandatory: false, verified: false },
        "RequireAnyClientCert" | "RequireClientCert" => Demand { mandatory: true, verified: false },
        "VerifyClientCertIfGiven" => Demand { mandatory: false, verified: true },
        "RequireAndVerifyClientCert" => Demand { mandatory: true, verified: true },
        other => return Err(WebConfigError::ClientAuth { name: other.to_owned() }),
    };
    let authorities = match &material.client_ca {
        Some(pem) => certificates(pem, "client CA")?,
        // As the original: those that the system trusts.
        None => rustls_native_certs::load_native_certs().certs,
    };
    ClientCerts::new(demand, authorities, section.client_allowed_sans.clone(), provider).map(Some)
}

fn certificates(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, WebConfigError> {
    CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|e| WebConfigError::tls(what, e))
}
