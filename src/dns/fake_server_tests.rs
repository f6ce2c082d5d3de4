//! The fake name servers: they transfer on NOTIFY, answer, and misbehave as told.

use hickory_proto::rr::rdata::{A, SOA};

use super::*;
use crate::dns::client::{Notify, NotifyError, NotifyPolicy, PollAnswer, notify, poll_serial};

/// Zones with a serial each, and one address record.
#[derive(Default)]
struct Primary(Mutex<BTreeMap<Name, u32>>);

#[async_trait]
impl TransferSource for Primary {
    async fn transfer(&self, zone: &Name) -> Option<Vec<Record>> {
        let serial = *self.0.lock().get(zone)?;
        let name = hickory_proto::rr::Name::from_ascii(zone.as_str()).unwrap();
        let soa = SOA::new(name.clone(), name.clone(), serial, 1, 1, 1, 1);
        let www = name.prepend_label("www").unwrap();
        Some(vec![
            Record::from_rdata(name, 60, RData::SOA(soa)),
            Record::from_rdata(www, 60, RData::A(A::new(192, 0, 2, 1))),
        ])
    }
}

struct Net {
    primary: Arc<Primary>,
    net: FakeNet,
    at: HostPort,
    zone: Name,
}

fn net() -> Net {
    let primary = Arc::new(Primary::default());
    let net = FakeNet::new(Arc::clone(&primary) as Arc<dyn TransferSource>);
    Net { primary, net, at: HostPort::new("192.0.2.53", 53), zone: Name::parse("example.org.").unwrap() }
}

impl Net {
    fn server(&self) -> FakeServer {
        self.net.server(&self.at)
    }

    fn publish(&self, serial: u32) {
        self.primary.0.lock().insert(self.zone.clone(), serial);
    }

    async fn poll(&self) -> PollAnswer {
        poll_serial(&self.net, &self.at, &self.zone, false, Duration::from_secs(2)).await
    }

    async fn notify(&self) -> Result<(), NotifyError> {
        let what = Notify { zone: self.zone.clone(), soa: None };
        notify(&self.net, &self.at, &what, NotifyPolicy { attempts: 2, ..NotifyPolicy::default() }).await
    }

    async fn settle(&self) {
        sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_zone_is_served_once_it_is_ordered_and_transferred() {
    let net = net();
    let server = net.server();
    assert!(matches!(net.poll().await, PollAnswer::NoZone(ResponseCode::Refused)));
    assert!(matches!(net.notify().await, Err(NotifyError::Rejected { code: ResponseCode::NotAuth })));

    assert!(server.add_zone(&net.zone) && !server.add_zone(&net.zone));
    net.settle().await;
    assert!(
        matches!(net.poll().await, PollAnswer::Broken(ResponseCode::ServFail)),
        "nothing to transfer yet"
    );

    net.publish(5);
    net.notify().await.unwrap();
    net.settle().await;
    assert!(matches!(net.poll().await, PollAnswer::Serial(serial) if serial == Serial::new(5)));
    let www = Name::parse("www.example.org.").unwrap();
    assert_eq!(server.records(&net.zone, &www, RecordType::A).len(), 1);

    assert!(server.remove_zone(&net.zone) && !server.remove_zone(&net.zone));
    assert!(matches!(net.poll().await, PollAnswer::NoZone(_)));
}

#[tokio::test(start_paused = true)]
async fn serials_follow_notify_after_the_lag_and_never_go_back() {
    let net = net();
    let server = net.server();
    net.publish(5);
    server.add_zone(&net.zone);
    net.settle().await;
    server.lag(Duration::from_secs(30));
    net.publish(6);
    net.notify().await.unwrap();
    net.settle().await;
    assert_eq!(server.serial(&net.zone), Some(Serial::new(5)));
    sleep(Duration::from_secs(30)).await;
    assert_eq!(server.serial(&net.zone), Some(Serial::new(6)));
    net.publish(4);
    net.notify().await.unwrap();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(server.serial(&net.zone), Some(Serial::new(6)));
}

#[tokio::test(start_paused = true)]
async fn a_server_fails_as_it_is_told_and_catches_up_when_back() {
    let net = net();
    let server = net.server();
    net.publish(5);
    server.add_zone(&net.zone);
    net.settle().await;

    server.behave(Manner::Silent);
    net.publish(6);
    assert!(matches!(net.notify().await, Err(NotifyError::NoAnswer { attempts: 2, .. })));
    assert!(matches!(net.poll().await, PollAnswer::NoAnswer(ExchangeError::TimedOut { .. })));
    server.behave(Manner::Refusing);
    assert!(matches!(net.poll().await, PollAnswer::NoZone(ResponseCode::Refused)));
    server.behave(Manner::Failing);
    assert!(matches!(net.poll().await, PollAnswer::Broken(ResponseCode::ServFail)));

    server.behave(Manner::Normal);
    net.settle().await;
    assert_eq!(server.serial(&net.zone), Some(Serial::new(6)));
}
