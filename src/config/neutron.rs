//! `[neutron]`: the network service, whose floating IPs get PTR records.
//!
//! Invariants: an endpoint has a region and an address of HTTP; every wait is bounded.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::reader::Section;
use super::setting::{Setting, choices, expected};

choices! {
    /// Which of a service's addresses in the catalogue.
    Interface {
        /// For everybody.
        Public = "public",
        /// For services.
        Internal = "internal",
        /// For administrators.
        Admin = "admin",
    } later {}
}

/// `[neutron]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeutronConfig {
    /// Where the network service is, by region; if empty, where the caller's catalogue says.
    pub endpoints: Vec<RegionUrl>,
    /// Which of the addresses in the catalogue.
    pub endpoint_type: Interface,
    /// How long one question may take, with all that is tried again.
    pub timeout: Duration,
    /// How often a question is asked again that certainly was not answered.
    pub retries: u32,
    /// Questions that are under way at once.
    pub max_requests: usize,
    /// The authorities that its certificate must be from; those of the system if not set.
    pub ca_file: Option<PathBuf>,
}

impl NeutronConfig {
    pub(super) fn read(s: &mut Section<'_>) -> Self {
        let config = Self {
            endpoints: s.get(
                "endpoints",
                Vec::new(),
                "Where the network service is, as REGION|URL for each region; if there are none, where the catalogue in the caller's token says.",
            ),
            endpoint_type: s.get(
                "endpoint_type",
                Interface::Public,
                "Which addresses of the catalogue are used: public, internal or admin.",
            ),
            timeout: s.get(
                "timeout",
                Duration::from_secs(5),
                "How long one question may take, with all that is tried again.",
            ),
            retries: s.within("retries", 2u32, 0..=10, "How often a question is asked again when nobody took it."),
            max_requests: s.within("max_requests", 64usize, 1..=10_000, "Questions that are under way at once."),
            ca_file: s.optional(
                "ca_file",
                &PathBuf::from("/etc/ordain/neutron-ca.pem"),
                "The authorities that its certificate must be from; those of the system if not set.",
            ),
        };
        s.check("timeout", !config.timeout.is_zero(), || String::from("must not be zero"));
        let mut regions: Vec<&str> =
            config.endpoints.iter().map(|endpoint| endpoint.region.as_str()).collect();
        regions.sort_unstable();
        regions.dedup();
        s.check("endpoints", regions.len() == config.endpoints.len(), || {
            String::from("must name each region once")
        });
        config
    }
}

/// The address of a service in a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionUrl {
    /// The region.
    pub region: String,
    /// Where.
    pub url: String,
}

impl Setting for RegionUrl {
    fn read(value: &Value) -> Result<Self, String> {
        let parts = value.as_str().and_then(|text| text.split_once('|'));
        let is_region = |text: &str| {
            (1..=100).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
        };
        let is_url = |url: &str| {
            let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
            rest.is_some_and(|rest| !rest.is_empty()) && url.bytes().all(|byte| byte.is_ascii_graphic())
        };
        match parts.map(|(region, url)| (region.trim(), url.trim())) {
            Some((region, url)) if is_region(region) && is_url(url) => {
                Ok(Self { region: region.to_owned(), url: url.to_owned() })
            }
            _ => Err(expected("REGION|http://host:port", value)),
        }
    }

    fn print(&self) -> String {
        format!("{}|{}", self.region, self.url).print()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Config;

    #[test]
    fn an_endpoint_has_a_region_and_an_address() {
        let endpoints = |list: serde_json::Value| {
            Config::from_tree(json!({"neutron": {"endpoints": list}})).map(|config| config.neutron.endpoints)
        };
        let read = endpoints(json!(["R1|http://n:9696", "R2|https://n/networking"])).unwrap();
        assert_eq!((read[0].region.as_str(), read[1].url.as_str()), ("R1", "https://n/networking"));
        assert_eq!(endpoints(json!("R1|http://n:9696")).unwrap().len(), 1);
        for wrong in ["http://n:9696", "R1|n:9696", "|http://n", "R 1|http://n", "R1|http://"] {
            assert!(endpoints(json!([wrong])).is_err(), "{wrong}");
        }
        assert!(endpoints(json!(["R1|http://a", "R1|http://b"])).is_err());
    }
}
