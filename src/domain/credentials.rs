//! What an identity service says of a token.
//!
//! Invariants: the token itself is in none of these values, so none of them can give it away; a value was valid when it was
//! made, and says until when it may be so.

use std::sync::Arc;

use super::access_rule::AccessRule;
use super::identity::Identity;
use super::time::Timestamp;

/// A token that is good, and what it is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Who holds it; no flags yet.
    pub identity: Identity,
    /// When it ends by itself; `None` if it does not.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub issued_at: Timestamp,
    /// Its audit ids: its own, then that of the first token it stems from.
    pub audit_ids: Vec<String>,
    /// Where its holder finds other services.
    pub catalogue: Arc<Catalogue>,
    /// What it may be used for and nothing else; `None` if it is not restricted so.
    pub access_rules: Option<Vec<AccessRule>>,
}

impl Verified {
    /// True if it may be used for this request to this kind of service. With access rules, its holder's catalogue must have the
    /// service, and the rules the request; but what another service passes on is no more what the holder asked for.
    #[must_use]
    pub fn covers(&self, service: &str, method: &str, path: &str, passed_on: bool) -> bool {
        self.access_rules.as_ref().is_none_or(|rules| {
            self.catalogue.endpoints.iter().any(|endpoint| endpoint.service == service)
                && (passed_on || rules.iter().any(|rule| rule.covers(service, method, path)))
        })
    }

    /// True if it has ended by itself.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

/// The services that a token's holder may use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// One entry per endpoint.
    pub endpoints: Vec<Endpoint>,
}

/// Where a service is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The kind of service: `network`, `dns`.
    pub service: String,
    /// For whom: `public`, `internal`, `admin`.
    pub interface: String,
    /// The region.
    pub region: String,
    /// Where.
    pub url: String,
}

impl Catalogue {
    /// Every region's address of a kind of service, for these clients.
    pub fn find<'a>(&'a self, service: &'a str, interface: &'a str) -> impl Iterator<Item = &'a Endpoint> {
        self.endpoints
            .iter()
            .filter(move |endpoint| endpoint.service == service && endpoint.interface == interface)
    }
}

/// Something that ends tokens before their time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revocation {
    /// The one token with this id.
    pub audit_id: Option<String>,
    /// All tokens that stem from the one with this id.
    pub audit_chain_id: Option<String>,
    /// Tokens of this user.
    pub user: Option<String>,
    /// Tokens for this project.
    pub project: Option<String>,
    /// Tokens that were made at or before this time.
    pub issued_before: Option<Timestamp>,
}

impl Revocation {
    /// True if it may have ended the token. What is unknown counts as a match, since a needless question costs little.
    #[must_use]
    pub fn concerns(&self, token: &Verified) -> bool {
        let same =
            |wanted: &Option<String>, is: Option<&str>| wanted.as_deref().is_none_or(|id| is == Some(id));
        self.issued_before.is_none_or(|end| token.issued_at <= end)
            && same(&self.audit_id, token.audit_ids.first().map(String::as_str))
            && same(&self.audit_chain_id, token.audit_ids.last().map(String::as_str))
            && same(&self.user, token.identity.user.as_deref())
            && same(&self.project, token.identity.project.as_ref().map(super::ids::ProjectId::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::ProjectId;

    #[test]
    fn a_revocation_concerns_what_it_names_and_nothing_newer() {
        let token = Verified {
            identity: Identity {
                user: Some("u".into()),
                project: Some(ProjectId::new("p")),
                ..Identity::default()
            },
            expires_at: None,
            issued_at: Timestamp::from_micros(10),
            audit_ids: vec!["own".into(), "chain".into()],
            catalogue: Arc::default(),
            access_rules: None,
        };
        let id = |text: &str| Some(text.to_owned());
        let none = Revocation::default();
        for (revocation, expected) in [
            (none.clone(), true),
            (Revocation { audit_id: id("own"), ..none.clone() }, true),
            (Revocation { audit_id: id("chain"), ..none.clone() }, false),
            (Revocation { audit_chain_id: id("chain"), ..none.clone() }, true),
            (Revocation { user: id("u"), project: id("p"), ..none.clone() }, true),
            (Revocation { user: id("u"), project: id("q"), ..none.clone() }, false),
            (Revocation { issued_before: Some(Timestamp::from_micros(10)), ..none.clone() }, true),
            (Revocation { issued_before: Some(Timestamp::from_micros(9)), ..none }, false),
        ] {
            assert_eq!(revocation.concerns(&token), expected, "{revocation:?}");
        }
    }
}
