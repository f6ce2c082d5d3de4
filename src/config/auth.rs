//! Settings of how callers prove who they are.
//!
//! Invariants: with the strategy `keystone` everything that is needed to ask it is there; a password is never printed.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::reader::Section;
use super::setting::{Setting, choices, expected};

choices! {
    /// How callers prove who they are.
    AuthStrategy {
        /// They do not: headers name project, user and roles.
        None = "none",
        /// By a token of OpenStack's identity service.
        Keystone = "keystone",
        /// By a token that `ordain token create` made.
        Token = "token",
    } later {}
}

/// `[auth]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthConfig {
    /// How callers prove who they are.
    pub strategy: AuthStrategy,
    /// How long a good token counts as good before it is asked about again.
    pub cache_ttl: Duration,
    /// How long a bad token counts as bad.
    pub cache_negative_ttl: Duration,
    /// Good tokens that are remembered, and as many bad ones.
    pub cache_capacity: usize,
    /// How long a good token goes on to count while nobody can be asked about it; never past its own end.
    pub outage_grace: Duration,
    /// Keystone.
    pub keystone: KeystoneConfig,
}

impl AuthConfig {
    pub(super) fn read(s: &mut Section<'_>) -> Self {
        let strategy = s.get(
            "strategy",
            AuthStrategy::None,
            "none: headers name project, user and roles, and nobody checks them; keystone: tokens of OpenStack's identity service; token: those of `ordain token create`.",
        );
        let config = Self {
            strategy,
            cache_ttl: s.get(
                "cache_ttl",
                Duration::from_secs(60),
                "How long a good token counts as good before it is asked about again; so long may a revoked one be of use.",
            ),
            cache_negative_ttl: s.get(
                "cache_negative_ttl",
                Duration::from_secs(5),
                "How long a bad token counts as bad before it is asked about again.",
            ),
            cache_capacity: s.within(
                "cache_capacity",
                10_000usize,
                1..=10_000_000,
                "Good tokens that are remembered, and as many bad ones.",
            ),
            outage_grace: s.get(
                "outage_grace",
                Duration::from_secs(86_400),
                "How long a good token goes on to count while nobody can be asked about it; never past its own end. Others are answered 503.",
            ),
            keystone: s.section("keystone", "The strategy \"keystone\".", |s| KeystoneConfig::read(s, strategy)),
        };
        let short = config.cache_ttl <= Duration::from_secs(3600);
        s.check("cache_ttl", short, || String::from("must be at most 1h"));
        let short = config.cache_negative_ttl <= Duration::from_secs(300);
        s.check("cache_negative_ttl", short, || String::from("must be at most 5m"));
        config
    }
}

/// `[auth.keystone]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeystoneConfig {
    /// Where Keystone is.
    pub auth_url: String,
    /// Where clients are told to get tokens.
    pub www_authenticate_uri: Option<String>,
    /// Our user.
    pub username: String,
    /// Its password.
    pub password: Password,
    /// Its domain.
    pub user_domain_name: String,
    /// The project that our user has its role in.
    pub project_name: String,
    /// The project's domain.
    pub project_domain_name: String,
    /// The authorities that Keystone's certificate must be from; those of the system if not set.
    pub ca_file: Option<PathBuf>,
    /// How long one question may take.
    pub timeout: Duration,
    /// Questions that are under way at once.
    pub max_requests: usize,
    /// Between two questions what was revoked; zero: none.
    pub revocation_interval: Duration,
    /// Roles of which the sender of a service token must have one.
    pub service_token_roles: Vec<String>,
    /// The kind of service that we are in catalogues and access rules.
    pub service_type: String,
}

impl KeystoneConfig {
    fn read(s: &mut Section<'_>, strategy: AuthStrategy) -> Self {
        let config = Self {
            auth_url: s.get(
                "auth_url",
                String::from("http://127.0.0.1:5000/v3"),
                "Where Keystone is, with or without /v3 at the end.",
            ),
            www_authenticate_uri: s.optional(
                "www_authenticate_uri",
                &String::from("https://keystone.example.org/v3"),
                "Where clients without a good token are told to get one; as auth_url says, unless said otherwise.",
            ),
            username: s.get("username", String::from("ordain"), "Our own user, who asks about the tokens of others: it needs the role service or admin."),
            password: s.get("password", Password::default(), "Its password."),
            user_domain_name: s.get("user_domain_name", String::from("Default"), "Its domain."),
            project_name: s.get("project_name", String::from("service"), "The project that it has its role in."),
            project_domain_name: s.get("project_domain_name", String::from("Default"), "That project's domain."),
            ca_file: s.optional(
                "ca_file",
                &PathBuf::from("/etc/ordain/keystone-ca.pem"),
                "The authorities that Keystone's certificate must be from; those of the system if not set.",
            ),
            timeout: s.get("timeout", Duration::from_secs(5), "How long one question to Keystone may take."),
            max_requests: s.within("max_requests", 64usize, 1..=10_000, "Questions to Keystone that are under way at once."),
            revocation_interval: s.get(
                "revocation_interval",
                Duration::from_secs(10),
                "Between two questions what was revoked, so that a revoked token is of no use before its cache_ttl is over; 0s: never asked.",
            ),
            service_token_roles: s.get(
                "service_token_roles",
                vec![String::from("service")],
                "Roles of which a service must have one whose token comes in X-Service-Token: it may pass on tokens that ended meanwhile.",
            ),
            service_type: s.get(
                "service_type",
                String::from("dns"),
                "The kind of service that this is: tokens of application credentials with access rules are good for what the rules say of it.",
            ),
        };
        let absolute = |url: &str| {
            ["http://", "https://"]
                .iter()
                .any(|scheme| url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
                && url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"')
        };
        s.check("auth_url", absolute(&config.auth_url), || {
            String::from("must begin with http:// or https://")
        });
        s.check("www_authenticate_uri", config.www_authenticate_uri.as_deref().is_none_or(absolute), || {
            String::from("must begin with http:// or https://")
        });
        s.check("timeout", !config.timeout.is_zero(), || String::from("must not be zero"));
        let known = strategy != AuthStrategy::Keystone || !config.password.secret().is_empty();
        s.check("password", known, || String::from("must be set"));
        config
    }

    /// The root of version 3, without a slash at its end.
    #[must_use]
    pub fn base(&self) -> String {
        let url = self.auth_url.trim_end_matches('/');
        if url.ends_with("/v3") { url.to_owned() } else { format!("{url}/v3") }
    }

    /// What clients without a good token are told.
    #[must_use]
    pub fn challenge(&self) -> String {
        format!("Keystone uri=\"{}\"", self.www_authenticate_uri.as_deref().unwrap_or(&self.auth_url))
    }
}

/// A password; it is never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// The password itself.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.0
    }
}

impl From<String> for Password {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

impl Setting for Password {
    fn read(value: &Value) -> Result<Self, String> {
        match value {
            Value::String(text) => Ok(Self(text.clone())),
            _ => Err(expected("text", &Value::from("something else"))),
        }
    }

    fn print(&self) -> String {
        String::from("\"\"")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Config;

    #[test]
    fn keystone_needs_a_password_that_is_never_shown() {
        let mistakes = |keystone: serde_json::Value| {
            let tree = json!({"auth": {"strategy": "keystone", "keystone": keystone}});
            Config::from_tree(tree)
                .map(drop)
                .map_err(|mistakes| mistakes.into_iter().map(|m| m.path).collect::<Vec<_>>())
        };
        assert_eq!(mistakes(json!({})), Err(vec!["auth.keystone.password".to_owned()]));
        assert_eq!(mistakes(json!({"password": "hunter2"})), Ok(()));
        assert_eq!(
            mistakes(json!({"password": "x", "auth_url": "keystone:5000"})),
            Err(vec!["auth.keystone.auth_url".to_owned()])
        );
        let tree = json!({"auth": {"keystone": {"password": "hunter2"}}});
        assert!(!Config::show(tree.clone()).contains("hunter2"));
        assert!(!format!("{:?}", Config::from_tree(tree).unwrap()).contains("hunter2"));
    }

    #[test]
    fn the_root_of_keystone_is_found_however_it_is_written() {
        for url in ["http://k:5000", "http://k:5000/", "http://k:5000/v3", "http://k:5000/v3/"] {
            let config = Config::from_tree(json!({"auth": {"keystone": {"auth_url": url}}})).unwrap();
            assert_eq!(config.auth.keystone.base(), "http://k:5000/v3");
        }
    }
}
