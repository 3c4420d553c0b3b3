//! Which certificates clients must show.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::WebConfigError;

/// How much a client has to prove.
#[derive(Debug, Clone, Copy)]
pub(super) struct Demand {
    /// Whether there must be a certificate at all.
    pub(super) mandatory: bool,
    /// Whether one that is shown must come from an authority.
    pub(super) verified: bool,
}

/// Checks the certificates of clients.
#[derive(Debug)]
pub(super) struct ClientCerts {
    demand: Demand,
    authorities: Vec<CertificateDer<'static>>,
    /// Nothing if there is no authority: then nobody can prove anything.
    chains: Option<Arc<dyn ClientCertVerifier>>,
    allowed_sans: Option<Vec<String>>,
    provider: Arc<CryptoProvider>,
}

impl ClientCerts {
    pub(super) fn new(
        demand: Demand,
        authorities: Vec<CertificateDer<'static>>,
        allowed_sans: Option<Vec<String>>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, WebConfigError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authorities.iter().cloned());
        let chains = if roots.is_empty() {
            None
        } else {
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
            Some(verifier.build().map_err(|e| WebConfigError::tls("client CA", e))?)
        };
        Ok(Self { demand, authorities, chains, allowed_sans, provider })
    }

    fn check_origin(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        // Whoever is named as an authority in person needs no other to speak for them.
        if self.authorities.contains(shown) {
            return check_validity(shown, now);
        }
        let chains =
            self.chains.as_ref().ok_or(Error::InvalidCertificate(CertificateError::UnknownIssuer))?;
        chains.verify_client_cert(shown, intermediates, now).map(|_| ())
    }

    fn check_names(&self, shown: &CertificateDer<'_>) -> Result<(), Error> {
        let Some(allowed) = &self.allowed_sans else { return Ok(()) };
        let names = alternative_names(&parse(shown)?)?;
        if names.iter().any(|name| allowed.contains(name)) {
            return Ok(());
        }
        Err(Error::InvalidCertificate(CertificateError::NotValidForName))
    }
}

fn parse(shown: &CertificateDer<'_>) -> Result<Certificate, Error> {
    Certificate::from_der(shown).map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))
}

fn check_validity(shown: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let validity = parse(shown)?.tbs_certificate.validity;
    let now = now.as_secs();
    if now < validity.not_before.to_unix_duration().as_secs() {
        return Err(Error::InvalidCertificate(CertificateError::NotValidYet));
    }
    if now > validity.not_after.to_unix_duration().as_secs() {
        return Err(Error::InvalidCertificate(CertificateError::Expired));
    }
    Ok(())
}

/// The names of a certificate as texts: host names, e-mail addresses, IP addresses and URIs.
fn alternative_names(certificate: &Certificate) -> Result<Vec<String>, Error> {
    let names = certificate.tbs_certificate.get::<SubjectAltName>();
    let names = names.map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
    let text = |name: GeneralName| match name {
        GeneralName::DnsName(name)
        | GeneralName::Rfc822Name(name)
        | GeneralName::UniformResourceIdentifier(name) => Some(name.to_string()),
        GeneralName::IpAddress(bytes) => ip_address(bytes.as_bytes()).map(|ip| ip.to_string()),
        _ => None,
    };
    Ok(names.map(|(_, names)| names.0.into_iter().filter_map(text).collect()).unwrap_or_default())
}

fn ip_address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

impl ClientCertVerifier for ClientCerts {
    fn client_auth_mandatory(&self) -> bool {
        self.demand.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // Whoever takes any certificate gives no hints.
        match &self.chains {
            Some(chains) if self.demand.verified => chains.root_hint_subjects(),
            _ => &[],
        }
    }

    fn verify_client_cert(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if self.demand.verified {
            self.check_origin(shown, intermediates, now)?;
        }
        self.check_names(shown)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
