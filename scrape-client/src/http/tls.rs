//! Which certificates to trust and to show.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion};

use super::HttpError;
use crate::config::{Secret, TlsConfig};

/// The TLS settings of a configuration. Versions before 1.2 are not spoken.
pub(super) fn client_config(config: &TlsConfig) -> Result<ClientConfig, HttpError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&versions(config)?)
        .map_err(|e| HttpError::Tls { what: "TLS versions", reason: e.to_string() })?;
    let builder = if config.insecure_skip_verify {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(TrustAnyone(provider)))
    } else {
        builder.with_root_certificates(roots(config)?)
    };
    let (Some(cert), Some(key)) = (&config.cert, &config.key) else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = certificates(cert, "client certificate")?;
    let key = PrivateKeyDer::from_pem_slice(read(key, "client key")?.as_bytes())
        .map_err(|e| HttpError::Tls { what: "client key", reason: e.to_string() })?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|e| HttpError::Tls { what: "client certificate", reason: e.to_string() })
}

fn versions(config: &TlsConfig) -> Result<Vec<&'static SupportedProtocolVersion>, HttpError> {
    let number = |text: &str, default: u8| match text {
        "TLS10" => 0,
        "TLS11" => 1,
        "TLS12" => 2,
        "TLS13" => 3,
        _ => default,
    };
    let (least, most) = (number(&config.min_version, 2), number(&config.max_version, 3));
    let known = [(2, &rustls::version::TLS12), (3, &rustls::version::TLS13)];
    let usable: Vec<_> =
        known.into_iter().filter(|(n, _)| least <= *n && *n <= most).map(|(_, v)| v).collect();
    if usable.is_empty() {
        let reason = "only TLS12 and TLS13 are spoken".to_owned();
        return Err(HttpError::Tls { what: "TLS versions", reason });
    }
    Ok(usable)
}

fn roots(config: &TlsConfig) -> Result<RootCertStore, HttpError> {
    let mut store = RootCertStore::empty();
    match &config.ca {
        Some(ca) => {
            let (added, _) = store.add_parsable_certificates(certificates(ca, "CA cert")?);
            if added == 0 {
                let reason = "no certificate in it".to_owned();
                return Err(HttpError::Tls { what: "CA cert", reason });
            }
        }
        None => drop(store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    Ok(store)
}

fn read(secret: &Secret, what: &'static str) -> Result<String, HttpError> {
    secret.read().map_err(|source| HttpError::Read { what, source })
}

fn certificates(pem: &Secret, what: &'static str) -> Result<Vec<CertificateDer<'static>>, HttpError> {
    CertificateDer::pem_slice_iter(read(pem, what)?.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|e| HttpError::Tls { what, reason: e.to_string() })
}

/// `insecure_skip_verify`: any certificate will do, as the user asked.
#[derive(Debug)]
struct TrustAnyone(Arc<CryptoProvider>);

impl ServerCertVerifier for TrustAnyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
