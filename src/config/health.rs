//! Settings of `/healthcheck`.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::reader::Section;

/// `[health]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthConfig {
    /// Addresses to answer `/healthcheck` on, besides the API's.
    pub listen: Vec<SocketAddr>,
    /// The API tells reasons in full, too.
    pub detailed: bool,
    /// While this file is there, the process asks to be sent nothing.
    pub disable_by_file: Option<PathBuf>,
}

impl HealthConfig {
    pub(super) fn read(s: &mut Section<'_>) -> Self {
        Self {
            listen: s.get(
                "listen",
                Vec::new(),
                "Addresses to answer /healthcheck on in full, TCP, for processes without an API; none by default.",
            ),
            detailed: s.get(
                "detailed",
                false,
                "The API's /healthcheck tells in full what is missing, such as addresses and names, to whoever asks.",
            ),
            disable_by_file: s.optional(
                "disable_by_file",
                &PathBuf::from("/etc/ordain/healthcheck_disable"),
                "While this file is there, /healthcheck answers 503 so that a load balancer sends nothing here.",
            ),
        }
    }
}
