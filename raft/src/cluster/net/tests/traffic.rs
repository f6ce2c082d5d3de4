//! Requests between those who belong together.
use super::*;

#[tokio::test]
async fn many_requests_share_one_connection_and_large_ones_pass() {
    let far = far().await;
    let near = near("c", security(Some(SECRET))).await;
    let asked = (0..200_u32).map(|n| {
        let (near, peer) = (&near, &far.peer);
        async move {
            let body = vec![n as u8; (n as usize % 7) * 10_000];
            match ask(near, peer, weighing(body.clone())).await {
                Ok(Response::Operated(Ok(Operated::Backup(back)))) => assert_eq!(back, body),
                other => panic!("{other:?}"),
            }
        }
    });
    futures::future::join_all(asked).await;
    assert_eq!((near.counts().connected, far.network.counts().accepted), (1, 1));
}

#[tokio::test]
async fn a_request_that_is_too_large_is_not_sent() {
    let far = far().await;
    let near = near("c", security(Some(SECRET))).await;
    let large = weighing(vec![0; 33 << 20]);
    assert!(matches!(ask(&near, &far.peer, large).await, Err(LinkError::Unreachable { .. })));
    answered(&near, &far.peer).await;
    assert_eq!(near.counts().connected, 1, "the connection is none the worse for it");
}

#[tokio::test]
async fn what_waits_fails_as_soon_as_the_other_side_is_gone_and_its_return_is_noticed() {
    let mut far = far().await;
    let near = near("c", security(Some(SECRET))).await;
    let (tell, mut closed) = mpsc::unbounded_channel();
    let serve: Arc<dyn Serve> = Arc::new(Echo { closed: tell });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let _own = near.serve(listener, 3, &serve).unwrap();
    answered(&near, &far.peer).await;
    let waiting = tokio::spawn({
        let (near, peer) = (near.clone(), far.peer.clone());
        async move { ask(&near, &peer, Request::Follow { after: Index(0), wait: LIMIT }).await }
    });
    counted(&far.network, |counts| counts.frames_in >= 2).await;

    drop(far.server.take());
    assert!(matches!(timeout(LIMIT, waiting).await.unwrap().unwrap(), Err(LinkError::Lost { .. })));
    assert_eq!(timeout(LIMIT, closed.recv()).await.unwrap(), Some(7), "a closed socket is news");
    let again = ask(&near, &far.peer, Request::ReadIndex).await;
    assert!(matches!(again, Err(LinkError::Gone { .. })), "{again:?}");

    let port = far.peer.address.rsplit_once(':').unwrap().1.to_owned();
    let listener = TcpListener::bind(format!("localhost:{port}")).await.unwrap();
    far.server = Some(far.network.serve(listener, 7, &far._serve).unwrap());
    answered(&near, &far.peer).await;
    assert_eq!(near.counts().connected, 2);
}

#[tokio::test]
async fn the_server_hears_of_a_caller_that_is_gone() {
    let mut far = far().await;
    let near = near("c", security(Some(SECRET))).await;
    answered(&near, &far.peer).await;
    drop(near);
    assert_eq!(timeout(LIMIT, far.closed.recv()).await.unwrap(), Some(3));
}

#[tokio::test]
async fn a_request_ends_with_its_time() {
    let far = far().await;
    let near = near("c", security(Some(SECRET))).await;
    let follow = call(Request::Follow { after: Index(0), wait: LIMIT });
    let answer = near.call(&far.peer, follow, Duration::from_millis(30)).await;
    assert!(matches!(answer, Err(LinkError::Lost { .. })), "{answer:?}");
    answered(&near, &far.peer).await;
}

#[tokio::test]
async fn a_peer_that_falls_silent_is_given_up() {
    let pace = Pace { ask: Duration::from_millis(20), dead: Duration::from_millis(200), write: LIMIT };
    let limits = Limits { pace, ..Limits::default() };
    let near = Network::within("c".into(), "near".into(), Security::default(), limits).await.unwrap();
    // It lets itself be called, answers the handshake, and stands still from then on.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer = Peer { name: "still".into(), address: listener.local_addr().unwrap().to_string() };
    let still = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let party = Party { cluster: "c".into(), of: None, node: Some(9), name: "still".into() };
        let own = Credentials { me: party, secret: None, within_tls: false };
        let _secured = handshake::answer(tcp, &own, 1000, |_| Ok(())).await.ok().unwrap();
        std::future::pending::<()>().await;
    });
    let answer = ask(&near, &peer, Request::ReadIndex).await;
    assert!(matches!(answer, Err(LinkError::Lost { .. })), "{answer:?}");
    assert_eq!(near.counts().silent, 1);
    still.abort();
}

#[tokio::test]
async fn signs_of_life_keep_an_idle_connection() {
    let pace = Pace { ask: Duration::from_millis(50), dead: Duration::from_secs(20), write: LIMIT };
    let limits = Limits { pace, ..Limits::default() };
    let far = far_with(security(Some(SECRET)), limits).await;
    let near = Network::within("c".into(), "near".into(), security(Some(SECRET)), limits).await.unwrap();
    answered(&near, &far.peer).await;
    counted(&far.network, |counts| counts.frames_in >= 5).await;
    counted(&near, |counts| counts.frames_in >= 5).await;
    assert_eq!(near.counts().connected, 1);
}

#[tokio::test]
async fn tls_carries_requests_and_new_certificates_are_taken_without_a_restart() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (issuer, pem) = authority();
    let [here, there] = [&folders[0], &folders[1]].map(|folder| certificates(folder.path(), &issuer, &pem));
    let tls = |files: &TlsFiles| Security { secret: None, tls: Some(files.clone()) };
    let far = far_with(tls(&there), Limits::default()).await;
    let first = near("c", tls(&here)).await;
    answered(&first, &far.peer).await;

    // Another authority takes over on both sides; whoever has files of the old one is a stranger then.
    let (issuer, pem) = authority();
    let stale = tempfile::tempdir().unwrap();
    let old = ["ca.pem", "cert.pem", "key.pem"].map(|name| {
        std::fs::copy(folders[0].path().join(name), stale.path().join(name)).unwrap();
        stale.path().join(name)
    });
    let [authority, certificate, key] = old;
    for folder in &folders {
        certificates(folder.path(), &issuer, &pem);
    }
    let second = near("c", tls(&here)).await;
    answered(&second, &far.peer).await;
    let stale = near("c", tls(&TlsFiles { authority, certificate, key })).await;
    assert!(ask(&stale, &far.peer, Request::ReadIndex).await.is_err());
    counted(&far.network, |counts| counts.refused_certificate > 0).await;
}
