//! Those who do not belong.
use super::*;

#[tokio::test]
async fn strangers_are_refused_and_counted_by_kind() {
    let far = far().await;
    let other = near("d", security(Some(SECRET))).await;
    let guess = near("c", security(Some("some other secret"))).await;
    let bare = near("c", Security::default()).await;
    for stranger in [&other, &guess, &bare] {
        let answer = ask(stranger, &far.peer, Request::ReadIndex).await;
        assert!(matches!(answer, Err(LinkError::Unreachable { .. })), "{answer:?}");
    }
    counted(&far.network, |counts| counts.refused_cluster == 1 && counts.refused_secret == 2).await;
    assert_eq!(far.network.counts().accepted, 0);

    // A disk of another cluster of the same name.
    let disk = near("c", security(Some(SECRET))).await;
    let call = Call { cluster: Some(ClusterId(Uuid::from_u128(2))), ..call(Request::ReadIndex) };
    assert!(matches!(disk.call(&far.peer, call, LIMIT).await, Err(LinkError::Unreachable { .. })));
    counted(&far.network, |counts| counts.refused_cluster == 2).await;
}

#[tokio::test]
async fn a_request_for_somebody_else_is_refused_and_counted() {
    let far = far().await;
    let near = near("c", security(Some(SECRET))).await;
    let call = Call { to: Some(8), ..call(Request::ReadIndex) };
    let answer = near.call(&far.peer, call, LIMIT).await.unwrap();
    assert!(matches!(answer, Response::Refused(Refusal::OtherNode { node: 7 })), "{answer:?}");
    assert_eq!(far.network.counts().refused_node, 1);
}

#[tokio::test]
async fn certificates_of_another_authority_and_none_at_all_are_refused() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [here, there] = [&folders[0], &folders[1]].map(|folder| {
        let (issuer, pem) = authority();
        certificates(folder.path(), &issuer, &pem)
    });
    let far = far_with(Security { secret: None, tls: Some(there) }, Limits::default()).await;
    let stranger = near("c", Security { secret: None, tls: Some(here) }).await;
    assert!(ask(&stranger, &far.peer, Request::ReadIndex).await.is_err());
    counted(&far.network, |counts| counts.refused_certificate == 1).await;
    assert_eq!(stranger.counts().refused_certificate, 1);
    let plain = near("c", Security::default()).await;
    assert!(ask(&plain, &far.peer, Request::ReadIndex).await.is_err());
    counted(&far.network, |counts| counts.refused_certificate == 2).await;
}

#[tokio::test]
async fn files_that_cannot_be_used_are_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let (issuer, pem) = authority();
    let files = certificates(folder.path(), &issuer, &pem);
    std::fs::write(&files.key, "no key").unwrap();
    let security = Security { secret: None, tls: Some(files) };
    let error = Network::new("c".into(), "near".into(), security).await.unwrap_err();
    assert!(error.to_string().contains("key.pem"), "{error}");
}

#[tokio::test]
async fn strangers_that_say_nothing_hold_no_place_for_long_and_not_too_many() {
    let limits = Limits { strangers: 2, ..Limits::default() };
    let far = far_with(security(Some(SECRET)), limits).await;
    let mut mute = Vec::new();
    for _ in 0..4 {
        mute.push(TcpStream::connect(&far.peer.address).await.unwrap());
    }
    counted(&far.network, |counts| counts.refused_busy == 2).await;
    counted(&far.network, |counts| counts.refused_slow == 2).await;
    let near = near("c", security(Some(SECRET))).await;
    answered(&near, &far.peer).await;
}

#[tokio::test]
async fn one_who_asks_too_much_at_once_is_told_so() {
    let limits = Limits { requests: 4, ..Limits::default() };
    let far = far_with(security(Some(SECRET)), limits).await;
    let near = near("c", security(Some(SECRET))).await;
    answered(&near, &far.peer).await;
    let follow = || ask(&near, &far.peer, Request::Follow { after: Index(0), wait: LIMIT });
    let waiting = futures::future::select_all((0..5).map(|_| Box::pin(follow())));
    let (refused, ..) = timeout(LIMIT, waiting).await.unwrap();
    assert!(matches!(refused, Err(LinkError::Unreachable { .. })), "{refused:?}");
    // What the cluster lives on is not held up by that.
    let vote = Request::Vote(openraft::raft::VoteRequest::new(openraft::Vote::new(1, 3), None));
    assert!(matches!(ask(&near, &far.peer, vote).await, Ok(Response::Done)));
    assert_eq!(far.network.counts().overloaded, 1);
}
