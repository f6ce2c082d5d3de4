//! `[cors]`: which web pages may use the API.

use std::time::Duration;

use super::reader::Section;

/// `[cors]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorsConfig {
    /// Origins whose pages may read answers; none if empty.
    pub allowed_origin: Vec<String>,
    /// Pages may have the browser send what it knows of its user.
    pub allow_credentials: bool,
    /// How long a browser may remember what it is told.
    pub max_age: Duration,
}

impl CorsConfig {
    pub(super) fn read(s: &mut Section<'_>) -> Self {
        let config = Self {
            allowed_origin: s.get(
                "allowed_origin",
                Vec::new(),
                "Origins whose web pages may use the API, such as \"https://dashboard.example.org\"; \"*\" for all, which then go without credentials.",
            ),
            allow_credentials: s.get(
                "allow_credentials",
                true,
                "Pages may have the browser send its user's credentials; never to all origins.",
            ),
            max_age: s.get("max_age", Duration::from_secs(3600), "How long a browser may remember what it is told."),
        };
        let is_origin = |origin: &str| {
            let host = ["http://", "https://"].iter().find_map(|scheme| origin.strip_prefix(scheme));
            host.is_some_and(|host| !host.is_empty() && !host.contains('/'))
                && origin.bytes().all(|byte| byte.is_ascii_graphic())
        };
        s.check(
            "allowed_origin",
            config.allowed_origin.iter().all(|origin| origin == "*" || is_origin(origin)),
            || String::from("must be \"*\" or a scheme and a host, without a slash at the end"),
        );
        config
    }
}
