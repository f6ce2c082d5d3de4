//! Who is calling, without proof: what the strategy `none` reads from the headers.
//!
//! Invariants: absent headers mean the defaults of Designate's no-auth mode (an admin); an empty project header means
//! a caller without a project, an empty roles header one without roles.

use actix_web::http::header::HeaderMap;

use crate::domain::identity::Identity;
use crate::domain::ids::ProjectId;

/// The identity that the client claims.
pub(super) fn claimed(headers: &HeaderMap) -> Identity {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let roles = header("x-roles").unwrap_or("admin");
    Identity {
        user: Some(header("x-auth-user-id").unwrap_or("noauth-user").to_owned()),
        project: Some(header("x-auth-project-id").unwrap_or("noauth-project"))
            .filter(|project| !project.is_empty())
            .map(ProjectId::new),
        roles: roles.split(',').map(str::trim).filter(|role| !role.is_empty()).map(str::to_owned).collect(),
        ..Identity::default()
    }
}

#[cfg(test)]
mod tests {
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
    }
}
