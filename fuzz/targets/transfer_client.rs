//! What a master may send: any octets end the transfer; what is taken for a zone is one.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use ordain::dns::client::{TransferLimits, fuzzing};
use ordain::domain::name::Name;

fuzz_target!(|octets: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let zone = Name::parse("example.org.").expect("a name");
    let (wait, total) = (Duration::from_secs(5), Duration::from_secs(5));
    let limits = TransferLimits { wait, total, octets: 1 << 16, records: 200 };
    // Frames may be given with lengths, or as one message without.
    let length = u16::try_from(octets.len()).unwrap_or(u16::MAX).to_be_bytes();
    for octets in [octets.to_vec(), [&length, octets].concat()] {
        let id = u16::from_be_bytes([*octets.get(2).unwrap_or(&0), *octets.get(3).unwrap_or(&0)]);
        let Ok(arrived) = runtime.block_on(fuzzing::read_from(&octets, &zone, id, &limits)) else { continue };
        assert!(arrived.sets.iter().map(|set| set.records.len()).sum::<usize>() < 200);
        for set in &arrived.sets {
            assert!(set.name.is_within(&zone) && !set.records.is_empty());
            assert!(set.records.iter().all(|data| data.record_type() == set.kind));
        }
    }
});
