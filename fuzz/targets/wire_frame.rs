//! Frames between services: requests and answers, and every message that a frame may carry.
#![no_main]

use std::time::Duration;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use ordain::actors::{api, central, mdns, producer, worker};
use ordain::transport::{Cx, Message, Parcel, Payload, Visit, Want, frame};

/// Reads a body as a message of every kind, and as its reply.
struct Bodies<'a> {
    method: &'a str,
    body: &'a Payload,
}

impl Visit for Bodies<'_> {
    fn message<M: Message>(&mut self) {
        if !self.method.is_empty() && self.method != M::NAME {
            return;
        }
        let Some(body) = self.body.duplicate() else { return };
        if let Ok((message, _)) = body.into_message::<M>() {
            let parcel = Parcel::new(Cx::system(Duration::from_secs(1)), Want::Reply, message);
            let Ok(body) = parcel.body.encode(u16::MAX) else { return };
            let (again, _) = Payload::Wire(body.clone()).into_message::<M>().expect("what is written is read");
            let again = Parcel::new(parcel.cx, Want::Reply, again).body.encode(u16::MAX).ok();
            // A message may hold a map or a set; the order of those is not given.
            assert_eq!(again.map(|again| again.body.len()), Some(body.body.len()));
        }
        if let Some(body) = self.body.duplicate() {
            drop(body.into_reply::<M>());
        }
    }
}

fn describe(visit: &mut Bodies<'_>) {
    api::api::describe(visit);
    central::api::describe(visit);
    mdns::api::describe(visit);
    producer::api::describe(visit);
    worker::api::describe(visit);
}

fuzz_target!(|octets: &[u8]| {
    let octets = Bytes::copy_from_slice(octets);
    if let Ok(parcel) = frame::read_request(&octets) {
        describe(&mut Bodies { method: parcel.method.as_str(), body: &parcel.body });
        if let Ok(written) = frame::write_request(&parcel, u16::MAX) {
            let again = frame::read_request(&written).expect("what is written is read");
            assert_eq!((again.method.as_str(), again.lane), (parcel.method.as_str(), parcel.lane));
            assert_eq!(again.body.encode(u16::MAX).ok(), parcel.body.encode(u16::MAX).ok());
        }
    }
    match frame::read_reply(&octets) {
        Ok(body) => describe(&mut Bodies { method: "", body: &body }),
        Err(fault) => {
            let again = frame::read_reply(&frame::write_reply("m", &Err(fault.clone())));
            assert_eq!(again.err(), Some(fault));
        }
    }
});
