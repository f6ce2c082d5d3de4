//! What the HTTP layer needs to know of the configuration.
//!
//! Invariants: `base_uri` has no slash at its end; `default_limit` is not above `max_limit`.

use std::time::Duration;

use crate::config::{AdminExtension, Config, CorsConfig, Network};
use crate::domain::record_type::RecordType;

/// What an item of a change set may need.
const BYTES_OF_AN_ITEM: usize = 1024;

/// Settings of the HTTP layer.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// Start of every link when the host header is not used, without a slash at its end.
    pub base_uri: String,
    /// Links take scheme and host from the request.
    pub enable_host_header: bool,
    /// Whose `Forwarded` and `X-Forwarded-…` headers are believed: nobody's if empty.
    pub trusted_proxies: Vec<Network>,
    /// Items of a page when the request names no limit.
    pub default_limit: u64,
    /// What `limit=max` means.
    pub max_limit: u64,
    /// Most bytes of a request body.
    pub max_body: usize,
    /// Most items of a change set.
    pub max_changeset_items: usize,
    /// Most bytes of the body of a change set.
    pub max_changeset_body: usize,
    /// Most bytes of the body of an import.
    pub max_import: usize,
    /// Time for a client to send its head, and again for its body.
    pub client_timeout: Duration,
    /// Time an idle connection is kept.
    pub keep_alive: Duration,
    /// Connections open at once, per listening thread.
    pub max_connections: usize,
    /// Time for everything that a request causes; then it is answered 504.
    pub call_timeout: Duration,
    /// Requests per second that a project may make here in the long run; 0: any number.
    pub rate_limit: u32,
    /// Requests that it may make at once.
    pub rate_burst: u32,
    /// Every request is logged.
    pub access_log: bool,
    /// Everyone without `maintenance_role` is answered 503.
    pub maintenance: bool,
    /// The role that works on during maintenance.
    pub maintenance_role: String,
    /// The record types that recordsets may have.
    pub supported_types: Vec<RecordType>,
    /// TSIG keys may have an empty secret.
    pub empty_tsig_secrets: bool,
    /// Quotas are set for projects only that the identity service knows.
    pub verify_quota_projects: bool,
    /// Which web pages may use it.
    pub cors: CorsConfig,
    /// Others are told of requests that fail.
    pub tell_faults: bool,
    /// What of `/admin` is served; nothing if empty.
    pub admin_extensions: Vec<AdminExtension>,
    /// Shown by `/v2/limits`: smallest TTL, in seconds.
    pub min_ttl: u32,
    /// Shown by `/v2/limits`.
    pub max_zone_name_length: usize,
    /// Shown by `/v2/limits`.
    pub max_recordset_name_length: usize,
}

impl From<&Config> for ApiSettings {
    fn from(config: &Config) -> Self {
        let (api, central) = (&config.api, &config.central);
        Self {
            base_uri: api.api_base_uri.trim_end_matches('/').to_owned(),
            enable_host_header: api.enable_host_header,
            trusted_proxies: match api.enable_proxy_headers_parsing {
                true => api.trusted_proxies.clone(),
                false => Vec::new(),
            },
            default_limit: api.default_limit_v2.into(),
            max_limit: api.max_limit_v2.into(),
            max_body: api.max_request_body_size,
            max_changeset_items: central.max_changeset_items,
            max_changeset_body: api
                .max_request_body_size
                .max(central.max_changeset_items.saturating_mul(BYTES_OF_AN_ITEM)),
            max_import: api.max_import_size.max(api.max_request_body_size),
            client_timeout: api.client_request_timeout,
            keep_alive: api.keep_alive,
            max_connections: api.max_connections,
            rate_limit: api.rate_limit,
            rate_burst: api.rate_burst,
            access_log: api.access_log,
            call_timeout: config.transport.call_timeout,
            maintenance: api.maintenance_mode,
            maintenance_role: api.maintenance_mode_role.clone(),
            supported_types: central.supported_record_type.clone(),
            empty_tsig_secrets: api.allow_empty_secrets_for_tsig,
            verify_quota_projects: api.quotas_verify_project_id,
            cors: config.cors.clone(),
            tell_faults: config.notifications.is_on() && config.notifications.api_faults,
            admin_extensions: match api.enable_api_admin {
                true => api.enabled_extensions_admin.clone(),
                false => Vec::new(),
            },
            min_ttl: central.min_ttl,
            max_zone_name_length: central.max_zone_name_len,
            max_recordset_name_length: central.max_recordset_name_len,
        }
    }
}

impl ApiSettings {
    /// Most bytes of a body that is sent to a path.
    pub(super) fn most_body(&self, path: &str) -> usize {
        let path = path.trim_end_matches('/');
        if path.ends_with("/zones/tasks/imports") {
            self.max_import
        } else if path.starts_with("/v2/zones/") && path.ends_with("/changesets") {
            self.max_changeset_body
        } else {
            self.max_body
        }
    }
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self::from(&Config::default())
    }
}
