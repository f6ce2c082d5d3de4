//! Who is calling, without proof: what the strategy `none` reads from the headers.
//!
//! Invariants: absent headers mean the defaults of Designate's no-auth mode (an admin); an empty project header means
//! a caller without a project, an empty roles header one without roles; `OpenStack-System-Scope: all` makes one who acts
//! for the whole cloud and no project. A header that is there is never taken for absent,
//! whatever its octets.

use std::borrow::Cow;

use actix_web::http::header::HeaderMap;

use crate::domain::identity::{Identity, TokenScope};
use crate::domain::ids::ProjectId;

/// The identity that the client claims.
pub(super) fn claimed(headers: &HeaderMap) -> Identity {
    let or_default =
        |name, default: &'static str| header(headers, name).unwrap_or(Cow::Borrowed(default)).into_owned();
    let roles = or_default("x-roles", "admin");
    let is_system = header(headers, "openstack-system-scope").is_some_and(|scope| scope == "all");
    Identity {
        user: Some(or_default("x-auth-user-id", "noauth-user")),
        project: Some(or_default("x-auth-project-id", "noauth-project"))
            .filter(|project| !project.is_empty() && !is_system)
            .map(ProjectId::new),
        roles: roles.split(',').map(str::trim).filter(|role| !role.is_empty()).map(str::to_owned).collect(),
        scope: if is_system { TokenScope::System } else { TokenScope::Project },
        ..Identity::default()
    }
}

/// A header's text, with a mark in place of what is not UTF-8.
pub(super) fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<Cow<'h, str>> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;
    use actix_web::test::TestRequest;

    use super::*;

    fn of(headers: &[(&'static str, &'static str)]) -> Identity {
        let request =
            headers.iter().fold(TestRequest::get(), |request, header| request.insert_header(*header));
        claimed(request.to_http_request().headers())
    }

    #[test]
    fn headers_name_user_project_and_roles() {
        let default = of(&[]);
        assert_eq!(default.project, Some(ProjectId::new("noauth-project")));
        assert!(default.has_role("admin") && !default.system);
        let named =
            of(&[("X-Auth-User-ID", "u"), ("X-Auth-Project-ID", "p"), ("X-Roles", "member, reader,")]);
        assert_eq!((named.user.as_deref(), named.project), (Some("u"), Some(ProjectId::new("p"))));
        assert_eq!(named.roles, ["member", "reader"]);
        let nobody = of(&[("X-Auth-Project-ID", ""), ("X-Roles", "")]);
        assert_eq!((nobody.project, nobody.roles.len()), (None, 0));
        let system = of(&[("X-Auth-Project-ID", "p"), ("OpenStack-System-Scope", "all")]);
        assert_eq!((system.project, system.scope), (None, TokenScope::System));
    }
    #[test]
    fn headers_that_are_not_ascii_are_no_absent_headers() {
        let named = of(&[("X-Auth-Project-ID", "größe"), ("X-Roles", "lesère,reader")]);
        assert_eq!(named.project, Some(ProjectId::new("größe")));
        assert_eq!(named.roles, ["lesère", "reader"]);
        let garbage = TestRequest::get()
            .insert_header(("X-Roles", HeaderValue::from_bytes(b"\xff").unwrap()))
            .to_http_request();
        assert!(!claimed(garbage.headers()).has_role("admin"));
    }
}
