//! RFC 1996: NOTIFY.

use hickory_proto::op::OpCode;

use super::support::*;

/// Zones of which we are the primary have no master that could notify us (section 3.10).
#[test]
fn section_3_10_no_zone_here_has_masters() {
    let dns = authority([zone("example.org.", "")]);
    for qname in ["example.org.", "example.com."] {
        let mut message = question(qname, "SOA");
        message.metadata.op_code = OpCode::Notify;
        message.metadata.authoritative = true;
        let answer = exchange(&dns, &message, &UDP);
        assert_eq!(lines(&answer), "NotAuth");
        assert_eq!(answer.metadata.op_code, OpCode::Notify);
    }
}
