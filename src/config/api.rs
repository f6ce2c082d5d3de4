//! Settings of the REST API.
//!
//! Invariants: the default page size is never above the largest one; there is at least one address to listen on.

use std::net::SocketAddr;
use std::time::Duration;

use super::network::Network;
use super::reader::Section;
use super::setting::choices;

choices! {
    /// A part of `/admin`.
    AdminExtension {
        /// Numbers of zones, records and projects.
        Reports = "reports",
        /// Quotas of projects.
        Quotas = "quotas",
        /// Zones as files.
        Zones = "zones",
    } later {}
}

/// `[api]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiConfig {
    /// Addresses to listen on, TCP.
    pub listen: Vec<SocketAddr>,
    /// Start of every link when the host header is not used.
    pub api_base_uri: String,
    /// Links take scheme and host from the request.
    pub enable_host_header: bool,
    /// Links believe the `Forwarded` and `X-Forwarded-…` headers of `trusted_proxies`.
    pub enable_proxy_headers_parsing: bool,
    /// The proxies that are believed.
    pub trusted_proxies: Vec<Network>,
    /// Time between telling load balancers that this API goes and closing its listeners.
    pub drain_delay: Duration,
    /// Items of a page when the request names no limit.
    pub default_limit_v2: u32,
    /// Most items of a page.
    pub max_limit_v2: u32,
    /// Bytes a request body may have.
    pub max_request_body_size: usize,
    /// Bytes of a zone file to be imported.
    pub max_import_size: usize,
    /// Time for a client to send its whole request.
    pub client_request_timeout: Duration,
    /// Time an idle connection is kept.
    pub keep_alive: Duration,
    /// Connections open at once, per listening thread.
    pub max_connections: usize,
    /// Requests per second that a project may make here in the long run; 0: any number.
    pub rate_limit: u32,
    /// Requests that it may make at once.
    pub rate_burst: u32,
    /// Every request is logged.
    pub access_log: bool,
    /// Everyone without the maintenance role is answered 503.
    pub maintenance_mode: bool,
    /// The role that works on during maintenance.
    pub maintenance_mode_role: String,
    /// Quotas are set for projects only that the identity service knows.
    pub quotas_verify_project_id: bool,
    /// TSIG keys may have an empty secret.
    pub allow_empty_secrets_for_tsig: bool,
    /// Serves `/admin`.
    pub enable_api_admin: bool,
    /// What of `/admin` is served.
    pub enabled_extensions_admin: Vec<AdminExtension>,
}

impl ApiConfig {
    pub(super) fn read(s: &mut Section<'_>) -> Self {
        let listen =
            s.get("listen", vec![SocketAddr::from(([0, 0, 0, 0], 9001))], "Addresses to listen on, TCP.");
        s.check("listen", !listen.is_empty(), || String::from("needs at least one address"));
        let api_base_uri = s.get(
            "api_base_uri",
            String::from("http://127.0.0.1:9001/"),
            "Start of every link when enable_host_header is false.",
        );
        let absolute = ["http://", "https://"].iter().any(|scheme| api_base_uri.starts_with(scheme));
        s.check("api_base_uri", absolute, || String::from("must begin with http:// or https://"));
        let enable_host_header =
            s.get("enable_host_header", true, "Links take scheme and host from the request.");
        let enable_proxy_headers_parsing = s.get(
            "enable_proxy_headers_parsing",
            false,
            "Links and the log believe the Forwarded and X-Forwarded-* headers of trusted_proxies.",
        );
        let trusted_proxies = s.get(
            "trusted_proxies",
            Network::loopback(),
            "Address blocks of the proxies that are believed; headers that pass through anybody else are not.",
        );
        let default_limit_v2 = s.within(
            "default_limit_v2",
            20u32,
            1..=u32::MAX,
            "Items of a page when the request names no limit.",
        );
        let max_limit_v2 =
            s.within("max_limit_v2", 1000u32, 1..=u32::MAX, "Most items of a page; limit=max means this.");
        s.check("default_limit_v2", default_limit_v2 <= max_limit_v2, || {
            format!("must not be above max_limit_v2 ({max_limit_v2}), is {default_limit_v2}")
        });
        Self {
            listen,
            api_base_uri,
            enable_host_header,
            enable_proxy_headers_parsing,
            trusted_proxies,
            drain_delay: s.get(
                "drain_delay",
                Duration::from_secs(2),
                "Time between telling load balancers (/healthcheck, Connection: close) that this API goes and closing its listeners.",
            ),
            default_limit_v2,
            max_limit_v2,
            max_request_body_size: s.within(
                "max_request_body_size",
                114_688usize,
                1..=usize::MAX,
                "Bytes a request body may have, but for imports and change sets.",
            ),
            max_import_size: s.within(
                "max_import_size",
                134_217_728usize,
                1..=1_000_000_000usize,
                "Bytes a zone file to be imported may have, if that is more than max_request_body_size.",
            ),
            client_request_timeout: s.get(
                "client_request_timeout",
                Duration::from_secs(10),
                "Time for a client to send its whole request.",
            ),
            keep_alive: s.get("keep_alive", Duration::from_secs(75), "Time an idle connection is kept."),
            max_connections: s.within(
                "max_connections",
                10_000usize,
                1..=usize::MAX,
                "Connections open at once, per listening thread.",
            ),
            rate_limit: s.get(
                "rate_limit",
                0u32,
                "Requests per second that a project may make to this process in the long run; more are answered 429. 0: any number.",
            ),
            rate_burst: s.within("rate_burst", 100u32, 1..=u32::MAX, "Requests that a project may make at once."),
            access_log: s.get(
                "access_log",
                true,
                "Every request is logged, with its caller and outcome, by the target ordain::access at the level info.",
            ),
            maintenance_mode: s.get(
                "maintenance_mode",
                false,
                "Answers 503 with Retry-After to everyone without the maintenance role.",
            ),
            maintenance_mode_role: s.get(
                "maintenance_mode_role",
                String::from("admin"),
                "The role that works on during maintenance.",
            ),
            quotas_verify_project_id: s.get(
                "quotas_verify_project_id",
                false,
                "Quotas are set for projects only that Keystone knows, asked with the caller's token.",
            ),
            allow_empty_secrets_for_tsig: s.get(
                "allow_empty_secrets_for_tsig",
                true,
                "TSIG keys may have an empty secret.",
            ),
            enable_api_admin: s.get("enable_api_admin", false, "Serves /admin to admins."),
            enabled_extensions_admin: s.get(
                "enabled_extensions_admin",
                Vec::new(),
                "What of /admin is served: reports, quotas, zones.",
            ),
        }
    }
}
