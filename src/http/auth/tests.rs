//! The gate and its memory, with an identity service that does as it is told.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::test::TestRequest;
use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use super::cache::NobodyKnows;
use super::*;
use crate::domain::access_rule::{AccessRule, PathPattern};
use crate::domain::credentials::{Endpoint, Revocation};
use crate::domain::ids::ProjectId;
use crate::domain::time::Timestamp;

/// Tokens named here are good until the second that stands beside them.
#[derive(Debug, Default)]
struct Oracle {
    good: Mutex<HashMap<&'static str, u64>>,
    away: Mutex<bool>,
    slow: Mutex<Duration>,
    asked: AtomicUsize,
    /// The services that its users know, and what their tokens may be used for.
    known: Mutex<Vec<Endpoint>>,
    rules: Mutex<Option<Vec<AccessRule>>>,
}

#[async_trait]
impl TokenSource for Oracle {
    async fn ask(&self, token: &str, _: bool) -> Result<Option<Verified>, NobodyKnows> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let (slow, away) = (*self.slow.lock(), *self.away.lock());
        sleep(slow).await;
        if away {
            return Err(NobodyKnows);
        }
        let end = self.good.lock().get(token).copied();
        Ok(end.map(|end| Verified {
            identity: Identity {
                user: Some(token.to_owned()),
                project: Some(ProjectId::new("p")),
                roles: vec![token.to_owned()],
                ..Identity::default()
            },
            expires_at: Some(second(end)),
            issued_at: second(0),
            audit_ids: Vec::new(),
            catalogue: Arc::new(Catalogue { endpoints: self.known.lock().clone() }),
            access_rules: self.rules.lock().clone(),
        }))
    }
}

fn second(number: u64) -> Timestamp {
    Timestamp::default().plus(Duration::from_secs(number))
}

struct Scene {
    oracle: Arc<Oracle>,
    gate: Gate,
}

/// Good tokens count for 60 s, bad ones for 5, and 600 more without answers.
fn scene(good: &[(&'static str, u64)]) -> Scene {
    let oracle = Arc::new(Oracle::default());
    oracle.good.lock().extend(good.iter().copied());
    let clock = Clock::following_tokio(Timestamp::default());
    let limits = Limits {
        ttl: Duration::from_secs(60),
        negative_ttl: Duration::from_secs(5),
        grace: Duration::from_secs(600),
        capacity: 3,
        questions: 2,
        patience: Duration::from_secs(5),
    };
    let cache = TokenCache::new(Arc::clone(&oracle) as _, limits, clock, Handle::current());
    let challenge = HeaderValue::from_static("Keystone uri=\"u\"");
    let (service_roles, runtime) = (vec!["service".to_owned()].into(), Handle::current());
    let service = "dns".into();
    let gate = Gate { cache, challenge, service_roles, service, keystone: None, runtime };
    Scene { oracle, gate }
}

impl Scene {
    /// The status that these headers come to; 200 with the right user.
    async fn enter(&self, headers: &[(&'static str, &'static str)]) -> u16 {
        self.ask(TestRequest::get(), headers).await
    }

    async fn ask(&self, request: TestRequest, headers: &[(&'static str, &'static str)]) -> u16 {
        let request = headers.iter().fold(request, |request, header| request.append_header(*header));
        let request = request.to_http_request();
        match self.gate.caller(request.head()).await {
            Ok(caller) => {
                let token = headers.iter().find(|(name, _)| *name == "X-Auth-Token").unwrap().1;
                assert_eq!(caller.identity.user.as_deref(), Some(token));
                assert_eq!(caller.identity.roles, [token], "what the client says of itself counts");
                200
            }
            Err(error) => error.respond(None).status().as_u16(),
        }
    }

    async fn bring(&self, token: &'static str) -> u16 {
        self.enter(&[("X-Auth-Token", token)]).await
    }

    fn asked(&self) -> usize {
        self.oracle.asked.load(Ordering::SeqCst)
    }
}

async fn pass(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn only_a_good_token_lets_in_and_claims_do_not() {
    let scene = scene(&[("good", 1000)]);
    assert_eq!(scene.bring("good").await, 200);
    assert_eq!(scene.bring("bad").await, 401);
    assert_eq!(scene.enter(&[]).await, 401);
    let claims = [
        ("X-Roles", "admin"),
        ("X-Project-Id", "q"),
        ("X-User-Id", "root"),
        ("X-Identity-Status", "Confirmed"),
    ];
    assert_eq!(scene.enter(&claims).await, 401);
    let with = |token| [&claims[..], &[("X-Auth-Token", token)]].concat();
    assert_eq!(scene.enter(&with("good")).await, 200);
    assert_eq!(scene.enter(&with("bad")).await, 401);
    let asked = scene.asked();
    for odd in ["", " ", "two words", "gr\u{fc}n"] {
        assert_eq!(scene.enter(&[("X-Auth-Token", odd)]).await, 401, "{odd:?}");
    }
    assert_eq!(scene.enter(&[("X-Auth-Token", "good"), ("X-Auth-Token", "good")]).await, 401);
    assert_eq!(scene.asked(), asked);
}

#[tokio::test(start_paused = true)]
async fn a_token_with_access_rules_is_good_for_what_they_say() {
    let scene = scene(&[("ada", 1000), ("service", 1000)]);
    let rule = |service: &str, method: &str, path: &str| AccessRule {
        service: service.to_owned(),
        method: method.to_owned(),
        path: PathPattern::new(path),
    };
    *scene.oracle.rules.lock() = Some(vec![rule("dns", "GET", "/v2/zones/*"), rule("network", "PUT", "**")]);
    let get = |path: &str| TestRequest::get().uri(path);
    let ada = [("X-Auth-Token", "ada")];
    // A catalogue without us: we are not meant, whatever the rules say.
    assert_eq!(scene.ask(get("/v2/zones/1"), &ada).await, 401);
    let at = |service: &str| Endpoint {
        service: service.to_owned(),
        interface: "public".to_owned(),
        region: "R".to_owned(),
        url: "http://x".to_owned(),
    };
    *scene.oracle.known.lock() = vec![at("dns"), at("network")];
    pass(120).await;
    assert_eq!(scene.ask(get("/v2/zones/1?limit=1"), &ada).await, 200);
    assert_eq!(scene.ask(get("/v2/zones/1/recordsets"), &ada).await, 401);
    assert_eq!(scene.ask(get("/v2/zones"), &ada).await, 401);
    assert_eq!(scene.ask(TestRequest::delete().uri("/v2/zones/1"), &ada).await, 401);
    assert_eq!(scene.ask(TestRequest::put().uri("/v2/zones/1"), &ada).await, 401);
    // A service that passes it on asks for something else than its user did.
    let passed_on = [("X-Auth-Token", "ada"), ("X-Service-Token", "service")];
    assert_eq!(scene.ask(TestRequest::delete().uri("/v2/zones/1"), &passed_on).await, 200);
    *scene.oracle.rules.lock() = Some(Vec::new());
    pass(120).await;
    assert_eq!(scene.ask(get("/v2/zones/1"), &ada).await, 401);
}

#[tokio::test(start_paused = true)]
async fn a_good_token_is_asked_about_again_after_its_time() {
    let scene = scene(&[("good", 1000)]);
    for _ in 0..3 {
        assert_eq!(scene.bring("good").await, 200);
    }
    assert_eq!(scene.asked(), 1);
    scene.oracle.good.lock().clear();
    pass(59).await;
    assert_eq!((scene.bring("good").await, scene.asked()), (200, 1));
    pass(1).await;
    assert_eq!((scene.bring("good").await, scene.asked()), (401, 2));
}

#[tokio::test(start_paused = true)]
async fn a_bad_token_is_asked_about_again_sooner() {
    let scene = scene(&[]);
    assert_eq!((scene.bring("late").await, scene.bring("late").await, scene.asked()), (401, 401, 1));
    scene.oracle.good.lock().insert("late", 1000);
    assert_eq!((scene.bring("late").await, scene.asked()), (401, 1));
    pass(5).await;
    assert_eq!((scene.bring("late").await, scene.asked()), (200, 2));
}

#[tokio::test(start_paused = true)]
async fn a_token_ends_with_its_own_end_though_it_is_remembered() {
    let scene = scene(&[("short", 30)]);
    assert_eq!(scene.bring("short").await, 200);
    pass(30).await;
    assert_eq!(scene.bring("short").await, 401);
    // And an answer that describes one that has ended makes it no better.
    pass(10).await;
    assert_eq!(scene.bring("short").await, 401);
}

#[tokio::test(start_paused = true)]
async fn many_with_one_token_make_one_question() {
    let scene = scene(&[("good", 1000)]);
    *scene.oracle.slow.lock() = Duration::from_secs(1);
    let all = futures::future::join_all((0..50).map(|_| scene.bring("good"))).await;
    assert!(all.iter().all(|status| *status == 200));
    assert_eq!(scene.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_goes_away_takes_the_answer_from_nobody() {
    let scene = scene(&[("good", 1000)]);
    *scene.oracle.slow.lock() = Duration::from_secs(1);
    let leaver = tokio::time::timeout(Duration::from_millis(1), scene.bring("good"));
    assert!(leaver.await.is_err());
    assert_eq!((scene.bring("good").await, scene.asked()), (200, 1));
}

#[tokio::test(start_paused = true)]
async fn while_nobody_answers_known_tokens_count_until_they_end_and_others_do_not() {
    let scene = scene(&[("good", 300), ("long", 10_000)]);
    assert_eq!((scene.bring("good").await, scene.bring("long").await), (200, 200));
    *scene.oracle.away.lock() = true;
    assert_eq!(scene.bring("other").await, 503);
    pass(61).await;
    assert_eq!((scene.bring("good").await, scene.bring("other").await), (200, 503));
    // Nobody waits for an answer each time.
    *scene.oracle.slow.lock() = Duration::from_secs(4);
    let (before, asked) = (Instant::now(), scene.asked());
    assert_eq!(scene.bring("good").await, 200);
    assert_eq!((before.elapsed(), scene.asked()), (Duration::ZERO, asked));
    pass(239).await;
    assert_eq!(scene.bring("good").await, 401, "it has ended");
    assert_eq!(scene.bring("long").await, 200);
    pass(600).await;
    assert_eq!(scene.bring("long").await, 503, "it was asked about too long ago");
    *scene.oracle.away.lock() = false;
    assert_eq!(scene.bring("long").await, 200);
}

#[tokio::test(start_paused = true)]
async fn questions_and_waiting_are_bounded() {
    let scene = scene(&[("a", 1000), ("b", 1000), ("c", 1000)]);
    *scene.oracle.slow.lock() = Duration::from_secs(10);
    let (a, b, c) = tokio::join!(scene.bring("a"), scene.bring("b"), async {
        tokio::task::yield_now().await;
        let before = Instant::now();
        (scene.bring("c").await, before.elapsed())
    });
    assert_eq!((a, b), (200, 200));
    assert_eq!(c, (503, Duration::from_secs(5)));
}

#[tokio::test(start_paused = true)]
async fn bad_tokens_push_no_good_ones_out() {
    let scene = scene(&[("good", 1000)]);
    assert_eq!(scene.bring("good").await, 200);
    for bad in ["b1", "b2", "b3", "b4", "b5"] {
        assert_eq!(scene.bring(bad).await, 401);
    }
    let asked = scene.asked();
    assert_eq!((scene.bring("good").await, scene.asked()), (200, asked));
}

#[tokio::test(start_paused = true)]
async fn a_revoked_token_is_forgotten_even_if_it_is_being_asked_about() {
    let scene = scene(&[("good", 1000)]);
    assert_eq!(scene.bring("good").await, 200);
    scene.oracle.good.lock().clear();
    let others = Revocation { user: Some("somebody".into()), ..Revocation::default() };
    scene.gate.cache.forget(&[others]);
    assert_eq!(scene.bring("good").await, 200);
    let own = Revocation { user: Some("good".into()), ..Revocation::default() };
    scene.gate.cache.forget(std::slice::from_ref(&own));
    assert_eq!(scene.bring("good").await, 401);

    scene.oracle.good.lock().insert("other", 1000);
    *scene.oracle.slow.lock() = Duration::from_secs(1);
    let (first, ()) = tokio::join!(scene.bring("other"), async {
        sleep(Duration::from_millis(500)).await;
        scene.gate.cache.forget(std::slice::from_ref(&own));
    });
    assert_eq!(first, 200);
    scene.oracle.good.lock().clear();
    assert_eq!(scene.bring("other").await, 401, "the answer is older than the revocation");
}

#[tokio::test(start_paused = true)]
async fn a_service_token_must_be_good_and_of_a_service() {
    let scene = scene(&[("good", 1000), ("service", 1000), ("stranger", 1000)]);
    let with = |service| [("X-Auth-Token", "good"), ("X-Service-Token", service)];
    assert_eq!(scene.enter(&with("service")).await, 200);
    assert_eq!(scene.enter(&with("stranger")).await, 401);
    assert_eq!(scene.enter(&with("bad")).await, 401);
    assert_eq!(scene.enter(&with("")).await, 401);
}
