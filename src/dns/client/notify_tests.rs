//! NOTIFY against a peer that answers late or never, on a paused clock.

use hickory_proto::rr::RData;
use hickory_proto::rr::rdata::SOA;
use parking_lot::Mutex;

use super::*;

/// Answers with one code after so many silent attempts; remembers what it heard and when.
#[derive(Debug)]
struct Peer {
    silent: usize,
    code: ResponseCode,
    heard: Mutex<Vec<(Instant, Message)>>,
}

#[async_trait::async_trait]
impl Exchange for Peer {
    async fn exchange(&self, _server: &HostPort, ask: &Ask) -> Result<Message, ExchangeError> {
        let count = {
            let mut heard = self.heard.lock();
            heard.push((Instant::now(), ask.message.clone()));
            heard.len()
        };
        if count <= self.silent {
            tokio::time::sleep(ask.timeout).await;
            return Err(ExchangeError::TimedOut { limit: ask.timeout });
        }
        Ok(Message::error_msg(ask.message.metadata.id, OpCode::Notify, self.code))
    }
}

async fn told(silent: usize, code: ResponseCode) -> (Result<(), NotifyError>, Vec<(Instant, Message)>) {
    let peer = Peer { silent, code, heard: Mutex::default() };
    let name = hickory_proto::rr::Name::from_ascii("example.org.").unwrap();
    let soa = SOA::new(name.clone(), name.clone(), 42, 1, 1, 1, 1);
    let what = Notify {
        zone: Name::parse("example.org.").unwrap(),
        soa: Some(Record::from_rdata(name, 60, RData::SOA(soa))),
    };
    let outcome = notify(&peer, &HostPort::new("ns", 53), &what, NotifyPolicy::default()).await;
    (outcome, peer.heard.into_inner())
}

#[tokio::test(start_paused = true)]
async fn the_message_is_authoritative_and_carries_the_new_soa() {
    let (outcome, heard) = told(0, ResponseCode::NoError).await;
    assert!(outcome.is_ok());
    let read = Message::from_vec(&heard[0].1.to_vec().unwrap()).unwrap();
    assert_eq!(read.metadata.op_code, OpCode::Notify);
    assert!(read.metadata.authoritative && !read.metadata.recursion_desired);
    assert_eq!(read.queries[0].query_type(), RecordType::SOA);
    assert!(matches!(&read.answers[0].data, RData::SOA(soa) if soa.serial == 42));
}

#[tokio::test(start_paused = true)]
async fn silence_is_met_with_patience() {
    let start = Instant::now();
    let (outcome, heard) = told(2, ResponseCode::NoError).await;
    assert!(outcome.is_ok());
    let seconds: Vec<u64> = heard.iter().map(|(at, _)| at.duration_since(start).as_secs()).collect();
    assert_eq!(seconds, [0, 2, 6]);

    let (outcome, heard) = told(9, ResponseCode::NoError).await;
    assert!(matches!(outcome, Err(NotifyError::NoAnswer { attempts: 4, .. })));
    assert_eq!(heard.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn an_error_ends_it_at_once() {
    let (outcome, heard) = told(0, ResponseCode::NotAuth).await;
    assert!(matches!(outcome, Err(NotifyError::Rejected { code: ResponseCode::NotAuth })));
    assert_eq!(heard.len(), 1);
}
