//! Mutual TLS between peers, from files that may be exchanged at any time.
//!
//! **Invariants**: both sides show a certificate of the cluster's own authority. Files are looked at for every connection
//! and read again when they have changed; files that cannot be used fail that connection and nothing else.
use std::{
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use tokio::{io::AsyncRead, io::AsyncWrite, net::TcpStream, task::spawn_blocking};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// The files of one node, each PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authority that every node's certificate is from.
    pub authority: PathBuf,
    /// This node's certificate, and those between it and the authority.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// Files that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is not what it should be.
    #[error("cannot use {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// They do not fit together.
    #[error("certificate, key and authority do not fit together: {reason}")]
    Unfit {
        /// What is wrong.
        reason: String,
    },
}

impl From<TlsError> for io::Error {
    fn from(error: TlsError) -> Self {
        Self::other(error)
    }
}

/// Any stream between peers.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}
/// A stream to a peer, within TLS or not.
pub(crate) type Stream = Box<dyn Io>;

#[derive(Clone)]
struct Loaded {
    stamps: [Option<(SystemTime, u64)>; 3],
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

/// The present certificates of a node.
pub(crate) struct Tls {
    files: TlsFiles,
    loaded: Mutex<Option<Loaded>>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Tls {
    pub(crate) const fn new(files: TlsFiles) -> Self {
        Self { files, loaded: Mutex::new(None) }
    }

    /// Reads the files unless they are the ones read before. Blocks.
    fn load(&self) -> Result<Loaded, TlsError> {
        let stamps = [&self.files.authority, &self.files.certificate, &self.files.key].map(|path| {
            let meta = std::fs::metadata(path).ok()?;
            Some((meta.modified().ok()?, meta.len()))
        });
        let known = self.loaded.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known.filter(|known| known.stamps == stamps) {
            return Ok(known);
        }
        let (client, server) = read(&self.files)?;
        let loaded = Loaded { stamps, client: Arc::new(client), server: Arc::new(server) };
        *self.loaded.lock().unwrap_or_else(PoisonError::into_inner) = Some(loaded.clone());
        Ok(loaded)
    }

    async fn current(self: &Arc<Self>) -> io::Result<Loaded> {
        let this = Arc::clone(self);
        Ok(spawn_blocking(move || this.load()).await??)
    }

    /// Whether the files can be used now.
    pub(crate) async fn check(self: &Arc<Self>) -> io::Result<()> {
        self.current().await.map(drop)
    }

    /// TLS on a connection that was made to `host`.
    pub(crate) async fn connect(self: &Arc<Self>, host: &str, tcp: TcpStream) -> io::Result<Stream> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let connector = TlsConnector::from(self.current().await?.client);
        Ok(Box::new(connector.connect(name, tcp).await?))
    }

    /// TLS on a connection that came in.
    pub(crate) async fn accept(self: &Arc<Self>, tcp: TcpStream) -> io::Result<Stream> {
        let acceptor = TlsAcceptor::from(self.current().await?.server);
        Ok(Box::new(acceptor.accept(tcp).await?))
    }
}

/// Whether it is the certificate that was not good enough, and not the connection.
pub(crate) fn is_about_certificates(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>() || inner.is::<TlsError>())
}

fn read(files: &TlsFiles) -> Result<(ClientConfig, ServerConfig), TlsError> {
    let unusable = |path: &PathBuf, reason: &dyn std::fmt::Display| TlsError::File {
        path: path.clone(),
        reason: reason.to_string(),
    };
    let unfit = |reason: &dyn std::fmt::Display| TlsError::Unfit { reason: reason.to_string() };
    let certificates = |path: &PathBuf| -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let found: Vec<_> = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect)
            .map_err(|error| unusable(path, &error))?;
        if found.is_empty() { Err(unusable(path, &"no certificate in it")) } else { Ok(found) }
    };
    let mut authority = RootCertStore::empty();
    for certificate in certificates(&files.authority)? {
        authority.add(certificate).map_err(|error| unusable(&files.authority, &error))?;
    }
    let authority = Arc::new(authority);
    let chain = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| unusable(&files.key, &error))?;

    let provider = Arc::new(ring::default_provider());
    let client = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| unfit(&error))?
        .with_root_certificates(authority.clone())
        .with_client_auth_cert(chain.clone(), key.clone_key())
        .map_err(|error| unfit(&error))?;
    let verifier = WebPkiClientVerifier::builder_with_provider(authority, provider.clone())
        .build()
        .map_err(|error| unfit(&error))?;
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unfit(&error))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(|error| unfit(&error))?;
    Ok((client, server))
}
