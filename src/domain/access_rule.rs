//! What a token may be used for that was got with an application credential of restricted access.
//!
//! A path is compared step by step: `*` and `{name}` stand for one step, or a part of one, that is not empty, `**` for anything.
//! Invariants: everything else in a pattern stands for itself; comparing takes time in proportion to pattern times path.

/// One thing that may be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRule {
    /// The kind of service: `dns`.
    pub service: String,
    /// The method, in capitals.
    pub method: String,
    /// The path.
    pub path: PathPattern,
}

impl AccessRule {
    /// True if it lets through a request to this kind of service.
    #[must_use]
    pub fn covers(&self, service: &str, method: &str, path: &str) -> bool {
        self.service == service && self.method == method && self.path.matches(path)
    }
}

/// A pattern of paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern(Vec<Part>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Literal(char),
    /// One character, but a slash.
    InStep,
    /// Any number of them.
    RestOfStep,
    Anything,
}

impl PathPattern {
    /// Reads a pattern; every text is one.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some(first) = rest.chars().next() {
            let after_name =
                rest.strip_prefix('{').and_then(|inner| inner.split_once('}')).map(|(_, after)| after);
            if let Some(after) = rest.strip_prefix("**") {
                parts.push(Part::Anything);
                rest = after;
            } else if let Some(after) = after_name.or_else(|| rest.strip_prefix('*')) {
                parts.extend([Part::InStep, Part::RestOfStep]);
                rest = after;
            } else {
                parts.push(Part::Literal(first));
                rest = rest.strip_prefix(first).unwrap_or_default();
            }
        }
        Self(parts)
    }

    /// True if the whole path is as the pattern says.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        // Whether as many parts as its index says may be done with.
        let mut done = vec![false; self.0.len() + 1];
        if let Some(first) = done.first_mut() {
            *first = true;
        }
        self.pass(&mut done);
        for c in path.chars() {
            let mut next = vec![false; done.len()];
            for (at, part) in self.0.iter().enumerate().filter(|(at, _)| done.get(*at) == Some(&true)) {
                let to = match part {
                    Part::Literal(literal) if *literal == c => at + 1,
                    Part::InStep if c != '/' => at + 1,
                    Part::RestOfStep if c != '/' => at,
                    Part::Anything => at,
                    Part::Literal(_) | Part::InStep | Part::RestOfStep => continue,
                };
                if let Some(reached) = next.get_mut(to) {
                    *reached = true;
                }
            }
            self.pass(&mut next);
            done = next;
        }
        done.last() == Some(&true)
    }

    /// Parts that may stand for nothing are done with as soon as those before them are.
    fn pass(&self, done: &mut [bool]) {
        for (at, part) in self.0.iter().enumerate() {
            let may_be_empty = matches!(part, Part::RestOfStep | Part::Anything);
            if may_be_empty
                && done.get(at) == Some(&true)
                && let Some(next) = done.get_mut(at + 1)
            {
                *next = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_steps_or_for_anything() {
        for (pattern, path, expected) in [
            ("/v2/zones", "/v2/zones", true),
            ("/v2/zones", "/v2/zones/", false),
            ("/v2/zones", "/v2/zones/1", false),
            ("/v2/zones/*", "/v2/zones/1", true),
            ("/v2/zones/*", "/v2/zones/", false),
            ("/v2/zones/*", "/v2/zones/1/recordsets", false),
            ("/v2/zones/{zone_id}/recordsets/{id}", "/v2/zones/1/recordsets/2", true),
            ("/v2/zones/{zone_id}/recordsets/{id}", "/v2/zones/1/x/recordsets/2", false),
            ("/v2/zones/**", "/v2/zones/1/recordsets", true),
            ("/v2/zones/**", "/v2/zones/", true),
            ("/v2/zones/**", "/v2/zones", false),
            ("/v2/**/recordsets", "/v2/zones/1/recordsets", true),
            ("/v2/z*s", "/v2/zones", true),
            ("/v2/z*s", "/v2/z/s", false),
            ("/v2/z***", "/v2/zo", true),
            ("/v2/z***", "/v2/z", false),
            ("/v2/zone.", "/v2/zones", false),
            ("/v2/{zones", "/v2/zones", false),
            ("**", "", true),
            ("", "/", false),
        ] {
            assert_eq!(PathPattern::new(pattern).matches(path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn a_pattern_of_stars_takes_no_exponential_time() {
        let pattern = PathPattern::new(&"**a".repeat(75));
        assert!(!pattern.matches(&"a/".repeat(2000)));
        assert!(pattern.matches(&"ab/a".repeat(2000)));
    }

    #[test]
    fn a_rule_is_for_one_service_and_one_method() {
        let (service, method) = (String::from("dns"), String::from("GET"));
        let rule = AccessRule { service, method, path: PathPattern::new("/v2/**") };
        assert!(rule.covers("dns", "GET", "/v2/zones"));
        assert!(!rule.covers("dns", "POST", "/v2/zones"));
        assert!(!rule.covers("network", "GET", "/v2/zones"));
        assert!(!rule.covers("dns", "GET", "/admin/x"));
    }
}
