//! The frame's exact bytes, and messages of the schema before the present one.
//!
//! The bytes here were sent by real versions: they are added to, never edited.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::time::Duration;

use bytes::Bytes;
use ordain::domain::identity::{Identity, TokenScope};
use ordain::domain::ids::{ProjectId, RequestId};
use ordain::transport::suite::probe::{Probe, ProbeState, Renamed, Renaming, routes};
use ordain::transport::{
    Cx, Fault, FaultCode, Host, HostConfig, InProcess, Message, OnceKey, Parcel, Payload, Place,
    SchemaCeilings, Service, Transport, Want, codec, frame, run_paused,
};

/// Header schema 1, `renamed` in schema 2: everything that a header can hold is in it.
const REQUEST: &str = "\
    4f52444e 01 01 0001 00000062 \
    10 00112233445566778899aabbccddeeff \
    01 05 616c696365 01 06 74656e616e74 01 06 6d656d626572 00 01 00 00 00 00 \
    fc 404b4c00 \
    fe 470e0e9d92cea3a64da3b377352ff94b fd b702a90baa67f000 01 \
    01 10 ffeeddccbbaa99887766554433221100 00 00 \
    07 72656e616d6564 0002 0000000d 08 6578616d706c652e 01 fb 100e";

/// The same with `renamed` in schema 1, which held a name only.
const REQUEST_V1: &str = "\
    4f52444e 01 01 0001 00000062 \
    10 00112233445566778899aabbccddeeff \
    01 05 616c696365 01 06 74656e616e74 01 06 6d656d626572 00 01 00 00 00 00 \
    fc 404b4c00 \
    fe 470e0e9d92cea3a64da3b377352ff94b fd b702a90baa67f000 01 \
    01 10 ffeeddccbbaa99887766554433221100 00 00 \
    07 72656e616d6564 0001 00000009 08 6578616d706c652e";

/// A reply in schema 1.
const REPLY_V1: &str = "4f52444e 01 02 0000 00000000 07 72656e616d6564 0001 00000009 08 6578616d706c652e";

/// A fault in fault schema 1: code, kind, message, no details, maybe done.
const FAULT: &str = "\
    4f52444e 01 03 0000 00000000 07 72656e616d6564 0001 00000016 \
    04 0e 6475706c69636174655f7a6f6e65 01 02 6869 00 01";

fn bytes(hex: &str) -> Bytes {
    let digits: Vec<char> = hex.chars().filter(|c| !c.is_whitespace()).collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn context() -> Cx {
    let mut id = vec![16];
    id.extend(bytes("00112233445566778899aabbccddeeff"));
    let request: RequestId = codec::decode(&id).unwrap();
    let once: OnceKey = OnceKey::from(uuid::Uuid::from_u128(0xffee_ddcc_bbaa_9988_7766_5544_3322_1100));
    let mut caller = Identity {
        user: Some("alice".into()),
        project: Some(ProjectId::new("tenant")),
        roles: vec!["member".into()],
        ..Identity::default()
    };
    caller.flags.all_projects = true;
    Cx::new(caller, Duration::from_secs(5))
        .with_request(request)
        .with_trace("00-4bf92f3577b3a34da6a3ce929d0e0e47-00f067aa0ba902b7-01".parse().unwrap())
        .with_once(once)
}

fn renamed() -> Renamed {
    Renamed { name: "example.".into(), ttl: Some(3600) }
}

#[test]
fn a_request_has_these_bytes_and_reads_back() {
    run_paused(async {
        let parcel = Parcel::new(context(), Want::Reply, renamed());
        let written = frame::write_request(&parcel, u16::MAX).unwrap();
        assert_eq!(hex(&written), hex(&bytes(REQUEST)));

        let read = frame::read_request(&bytes(REQUEST)).unwrap();
        assert_eq!((read.method.as_str(), read.want, read.lane), ("renamed", Want::Reply, None));
        assert_eq!((read.cx.request, read.cx.once), (context().request, context().once));
        assert_eq!((&read.cx.caller, read.cx.trace), (&context().caller, context().trace));
        assert_eq!(read.cx.remaining(), Duration::from_secs(5));
        assert_eq!(read.body.into_message::<Renamed>().unwrap(), (renamed(), 2));
    });
}

#[test]
fn answers_have_these_bytes_and_read_back() {
    let reply = Payload::reply::<Renamed>(Renaming { name: "example.".into(), ttl: Some(1) }, 1);
    assert_eq!(hex(&frame::write_reply("renamed", &Ok(reply))), hex(&bytes(REPLY_V1)));
    let read = frame::read_reply(&bytes(REPLY_V1)).unwrap().into_reply::<Renamed>().unwrap();
    assert_eq!(read, Renaming { name: "example.".into(), ttl: None });

    let fault = Fault::conflict("duplicate_zone", "hi").and_maybe_done();
    assert_eq!(hex(&frame::write_reply("renamed", &Err(fault.clone()))), hex(&bytes(FAULT)));
    assert_eq!(frame::read_reply(&bytes(FAULT)).unwrap_err(), fault);
}

#[test]
fn the_bytes_of_an_old_sender_are_understood() {
    run_paused(async {
        let read = frame::read_request(&bytes(REQUEST_V1)).unwrap();
        let message = read.body.into_message::<Renamed>().unwrap();
        assert_eq!(message, (Renamed { name: "example.".into(), ttl: None }, 1));
    });
}

#[test]
fn a_sender_under_a_ceiling_writes_and_reads_the_old_schema() {
    run_paused(async {
        let parcel = Parcel::new(context(), Want::Reply, renamed());
        assert_eq!(hex(&frame::write_request(&parcel, 1).unwrap()), hex(&bytes(REQUEST_V1)));

        let transport =
            InProcess::through_codec_up_to(SchemaCeilings::default().with(Probe::NAME, Renamed::NAME, 1));
        let place = Place::current().unwrap();
        let inbox = Host::start(ProbeState::new(), routes(), HostConfig::default(), &place);
        let _serving = transport.serve(Probe::endpoint(), inbox).await.unwrap();
        let reply = transport.service_ref::<Probe>().call(&context(), renamed()).await;
        assert_eq!(reply, Ok(Renaming { name: "example.".into(), ttl: None }), "the old schema has no ttl");
    });
}

#[test]
fn a_schema_without_a_form_is_a_fault_before_anything_is_sent() {
    run_paused(async {
        let parcel = Parcel::new(context(), Want::Reply, renamed());
        let fault = frame::write_request(&parcel, 0).unwrap_err();
        assert_eq!((fault.code, fault.maybe_done), (FaultCode::Internal, false));

        let mut body = bytes(REQUEST).to_vec();
        let schema = body.len() - 0x0d - 4 - 1;
        body[schema] = 3;
        let read = frame::read_request(&body.into()).unwrap();
        let fault = read.body.into_message::<Renamed>().unwrap_err();
        assert_eq!(fault, Fault::unknown_schema("renamed", 3));
    });
}

#[test]
fn damaged_frames_are_faults() {
    run_paused(async {
        let whole = bytes(REQUEST);
        for length in 0..whole.len() {
            let fault = frame::read_request(&whole.slice(..length)).unwrap_err();
            assert_eq!(fault.code, FaultCode::UnknownSchema, "cut at {length}");
        }
        let longer = [&whole[..], &[0]].concat();
        assert!(frame::read_request(&longer.into()).is_err());
        for (at, value) in [(0, 0x50), (4, 2), (5, 2), (7, 9), (8, 0xff)] {
            let mut damaged = whole.to_vec();
            damaged[at] = value;
            assert!(frame::read_request(&damaged.into()).is_err(), "byte {at}");
        }
        // Any other damage is a fault or another message, never a panic.
        for at in 0..whole.len() {
            for value in [0x00, 0x7f, 0xfb, 0xff] {
                let mut damaged = whole.to_vec();
                damaged[at] = value;
                if let Ok(parcel) = frame::read_request(&damaged.into()) {
                    drop(parcel.body.into_message::<Renamed>());
                }
            }
        }
        let cut = frame::read_reply(&bytes(FAULT).slice(..40)).unwrap_err();
        assert!(cut.maybe_done, "an answer that cannot be read may mean that the work was done");
    });
}

#[test]
fn only_a_caller_without_a_project_scope_needs_the_newer_header() {
    run_paused(async {
        for (scope, schema) in [(TokenScope::Project, 1), (TokenScope::Domain, 2), (TokenScope::System, 2)] {
            let cx = context();
            let caller = Identity { scope, ..(*cx.caller).clone() };
            let cx = Cx { caller: caller.clone().into(), ..cx };
            let written = frame::write_request(&Parcel::new(cx, Want::Reply, renamed()), u16::MAX).unwrap();
            assert_eq!(written.slice(6..8), [0, schema][..]);
            assert_eq!(*frame::read_request(&written).unwrap().cx.caller, caller);
        }
    });
}
