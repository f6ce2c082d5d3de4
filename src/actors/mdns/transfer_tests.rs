//! What changed, from the journal; and who may have it, by keys.

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::Record;

use super::*;
use crate::dns::tsig::{AnswerError, Answers, Key, SignedBy, error};
use crate::domain::ids::TsigKeyId;
use crate::domain::tsig_key::{TsigAlgorithm, TsigKey, TsigScope, TsigSecret};
use crate::store::repo::tsig_keys;

const SECRET: &str = "YSBzaGFyZWQgc2VjcmV0IG9mIDMyIG9jdGV0cy4uLi4=";

fn ixfr(origin: &str, serial: u32) -> Vec<u8> {
    let mut message = Message::query();
    let name = HickoryName::from_ascii(origin).unwrap();
    message.add_query(Query::query(name.clone(), HickoryType::IXFR));
    let soa = SOA::new(name.clone(), name.clone(), serial, 0, 0, 0, 0);
    message.add_authority(Record::from_rdata(name, 0, RData::SOA(soa)));
    message.to_vec().unwrap()
}

/// The records of the answer: the serials of SOA records, owner and data of others.
async fn told(mdns: &MdnsService, origin: &str, since: u32, carrier: Carrier) -> Vec<String> {
    let answers = mdns.responder().exchange(&ixfr(origin, since), &peer(carrier)).await;
    let answers = answers.iter().map(|answer| Message::from_vec(answer).unwrap());
    let line = |record: Record| match &record.data {
        RData::SOA(soa) => soa.serial.to_string(),
        data => format!("{} {} {data}", record.name, record.ttl),
    };
    answers.flat_map(|answer| answer.answers).map(line).collect()
}

#[tokio::test(start_paused = true)]
async fn what_changed_is_told_from_the_journal_condensed() {
    let bench = Bench::new().await;
    let id = bench.create("example.org.", 50).await;
    bench.change(id, "w1.example.org.", Some("192.0.2.8")).await;
    let first = bench.publish(id).await.number();
    bench.change(id, "w1.example.org.", Some("192.0.2.9")).await;
    bench.change(id, "w2.example.org.", None).await;
    bench.publish(id).await;
    bench.change(id, "new.example.org.", Some("192.0.2.7")).await;
    bench.change(id, "brief.example.org.", Some("192.0.2.6")).await;
    bench.change(id, "brief.example.org.", None).await;
    let last = bench.publish(id).await.number();
    bench.change(id, "w3.example.org.", Some("192.0.2.99")).await;

    let steps = |from: u32, before: &str| {
        let lines = format!(
            "{last}\n{from}\nw1.example.org. 3600 {before}\nw2.example.org. 3600 192.0.2.1\n{last}\n\
             w1.example.org. 3600 192.0.2.9\nnew.example.org. 3600 192.0.2.7\n{last}"
        );
        lines.lines().map(String::from).collect::<Vec<_>>()
    };
    // In memory, or with nothing but SOA records there.
    for whole in [true, false] {
        let mdns = bench.mdns(whole);
        mdns.load().await.unwrap();
        for carrier in [Carrier::Tcp, Carrier::Udp] {
            assert_eq!(told(&mdns, "example.org.", first, carrier).await, steps(first, "192.0.2.8"));
            assert_eq!(told(&mdns, "example.org.", last, carrier).await, [last.to_string()]);
        }
        // Nobody knows this version: all of the zone, which is for TCP only.
        let all = told(&mdns, "example.org.", first.wrapping_sub(5), Carrier::Tcp).await;
        assert_eq!((all.len(), &all[0], all.last()), (52, &last.to_string(), Some(&last.to_string())));
        assert_eq!(
            told(&mdns, "example.org.", first.wrapping_sub(5), Carrier::Udp).await,
            [last.to_string()]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_cannot_be_told_is_given_the_zone() {
    let bench = Bench::new().await;
    let id = bench.create("example.org.", 20).await;
    let first = bench.publish(id).await.number();
    for n in 0..10 {
        bench.change(id, &format!("w{n}.example.org."), Some("192.0.2.9")).await;
    }
    bench.publish(id).await;
    let length = async |config: MdnsConfig| {
        let mdns = MdnsService::new(bench.store.clone(), bench.clock, config, None);
        mdns.load().await.unwrap();
        told(&mdns, "example.org.", first, Carrier::Tcp).await.len()
    };
    let config = Config::default().mdns;
    // 22 records make the zone with its SOA record at the end, 24 the difference: the zone is less.
    assert_eq!(length(config.clone()).await, 22);
    let small = bench.create("example.com.", 1).await;
    let known = bench.publish(small).await.number();
    bench.change(small, "more.example.com.", Some("192.0.2.2")).await;
    bench.publish(small).await;
    let mdns = bench.mdns(true);
    mdns.load().await.unwrap();
    assert_eq!(told(&mdns, "example.com.", known, Carrier::Tcp).await.len(), 4);

    for n in 0..10 {
        bench.change(id, &format!("x{n}.example.org."), Some("192.0.2.9")).await;
    }
    bench.publish(id).await;
    // Now the difference is more than the zone has; a lone change of the newest version is not.
    assert_eq!(length(config.clone()).await, 32);
    let first = {
        let first = bench.publish(id).await.number();
        bench.change(id, "w1.example.org.", None).await;
        bench.publish(id).await;
        first
    };
    let length = async |config: MdnsConfig| {
        let mdns = MdnsService::new(bench.store.clone(), bench.clock, config, None);
        mdns.load().await.unwrap();
        told(&mdns, "example.org.", first, Carrier::Tcp).await.len()
    };
    assert_eq!(length(config.clone()).await, 5);
    bench.change(id, "w2.example.org.", None).await;
    bench.publish(id).await;
    assert_eq!(length(MdnsConfig { ixfr_max_changes: 1, ..config.clone() }).await, 30);
    assert_eq!(length(MdnsConfig { ixfr_memory: 100, ..config }).await, 30);
}

#[tokio::test(start_paused = true)]
async fn serials_may_wrap() {
    let bench = Bench::new().await;
    let id = bench.create("example.org.", 20).await;
    let now = bench.clock.now();
    let set: Result<(), StoreError> = bench
        .store
        .transact(|tx| {
            Box::pin(async move {
                let mut zone = zones::lock(tx, id).await?.unwrap();
                zone.serial = Serial::new(u32::MAX);
                zones::update(tx, &mut zone, now).await?;
                versions::record(tx, id, zone.serial, zone.progress.published, now).await
            })
        })
        .await;
    set.unwrap();
    bench.change(id, "w1.example.org.", None).await;
    assert_eq!(bench.publish(id).await.number(), 0);
    let mdns = bench.mdns(true);
    mdns.load().await.unwrap();
    let told = told(&mdns, "example.org.", u32::MAX, Carrier::Tcp).await;
    assert_eq!(told, ["0", "4294967295", "w1.example.org. 3600 192.0.2.1", "0", "0"]);
}

impl Bench {
    async fn key(&self, name: &str, scope: TsigScope, resource: uuid::Uuid) -> (TsigKey, SignedBy) {
        let key = TsigKey {
            id: TsigKeyId::random(),
            name: name.to_owned(),
            algorithm: TsigAlgorithm::HmacSha256,
            secret: TsigSecret::new(SECRET),
            scope,
            resource_id: resource,
            version: 1,
            created_at: self.clock.now(),
            updated_at: None,
        };
        let row = &key;
        let done: Result<(), StoreError> =
            self.store.transact(|tx| Box::pin(async move { tsig_keys::insert(tx, row).await })).await;
        done.unwrap();
        let signed = SignedBy::new(Key::read(&key).unwrap().into(), self.clock);
        (key, signed)
    }
}

/// The messages of the answer, all of them verified; or why not.
async fn signed_ask(
    mdns: &MdnsService,
    by: &SignedBy,
    qtype: HickoryType,
    from: Peer,
) -> Result<Vec<Message>, AnswerError> {
    let mut message = Message::query();
    message.add_query(Query::query(HickoryName::from_ascii("example.org.").unwrap(), qtype));
    let mut octets = message.to_vec().unwrap();
    let mut answers: Answers = by.sign(&mut octets, 0);
    let mut read = Vec::new();
    for answer in mdns.responder().exchange(&octets, &from).await {
        answers.check(&answer)?;
        assert!(answers.is_complete(), "every message is signed");
        read.push(Message::from_vec(&answer).unwrap());
    }
    Ok(read)
}

fn code(answers: &[Message]) -> ResponseCode {
    answers[0].metadata.response_code
}

#[tokio::test(start_paused = true)]
async fn keys_open_the_zones_they_are_for_to_whoever_has_them() {
    let bench = Bench::new().await;
    let id = bench.create("example.org.", 3000).await;
    let other = bench.create("example.com.", 1).await;
    let mdns = bench.mdns(true);
    mdns.load().await.unwrap();
    let stranger = Peer { address: ([192, 0, 2, 1], 5300).into(), carrier: Carrier::Tcp };
    assert_eq!(
        code(&ask(&mdns, "example.org.", HickoryType::SOA, Carrier::Tcp).await),
        ResponseCode::NoError
    );

    // A key is known as soon as it is used.
    let (row, pool) = bench.key("pool-key", TsigScope::Pool, PoolId::DEFAULT.uuid()).await;
    let answers = signed_ask(&mdns, &pool, HickoryType::AXFR, stranger).await.unwrap();
    assert!(answers.len() > 2, "{}", answers.len());
    assert_eq!(answers.iter().map(|answer| answer.answers.len()).sum::<usize>(), 3002);
    let (_, zone) = bench.key("Zone.Key.", TsigScope::Zone, id.uuid()).await;
    let answers =
        signed_ask(&mdns, &zone, HickoryType::SOA, Peer { carrier: Carrier::Udp, ..stranger }).await;
    assert_eq!(answers.unwrap()[0].answers.len(), 1);

    let (_, wrong) = bench.key("wrong", TsigScope::Zone, other.uuid()).await;
    let (_, elsewhere) = bench.key("elsewhere", TsigScope::Pool, uuid::Uuid::nil()).await;
    for by in [wrong, elsewhere] {
        for qtype in [HickoryType::AXFR, HickoryType::SOA, HickoryType::A] {
            let refused = signed_ask(&mdns, &by, qtype, peer(Carrier::Tcp)).await.unwrap();
            assert_eq!(code(&refused), ResponseCode::Refused);
        }
    }
    let gone: Result<bool, StoreError> =
        bench.store.transact(|tx| Box::pin(async move { tsig_keys::delete(tx, row.id).await })).await;
    assert!(gone.unwrap());
    mdns.follower().catch_up().await.unwrap();
    let rejected = signed_ask(&mdns, &pool, HickoryType::SOA, stranger).await;
    assert_eq!(rejected.unwrap_err(), AnswerError::Rejected { number: error::BADKEY });
}

#[tokio::test(start_paused = true)]
async fn nothing_is_told_without_a_signature_where_one_is_enforced() {
    let bench = Bench::new().await;
    bench.create("example.org.", 1).await;
    let config = MdnsConfig { query_enforce_tsig: true, ..Config::default().mdns };
    let mdns = MdnsService::new(bench.store.clone(), bench.clock, config, None);
    mdns.load().await.unwrap();
    for qtype in [HickoryType::AXFR, HickoryType::SOA, HickoryType::A] {
        let refused = ask(&mdns, "example.org.", qtype, Carrier::Tcp).await;
        assert_eq!(code(&refused), ResponseCode::Refused);
    }
    let (_, by) = bench.key("k", TsigScope::Pool, PoolId::DEFAULT.uuid()).await;
    let answers = signed_ask(&mdns, &by, HickoryType::AXFR, peer(Carrier::Tcp)).await.unwrap();
    assert_eq!(answers[0].answers.len(), 3);
}
